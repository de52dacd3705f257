"""The stages of a generation: dispatch, polling, downloading, reconciliation.

A stage does not know who calls it. It takes rows by a lease, talks to the provider outside of any
transaction, and writes what it learned by a conditional update. Killed at any moment, it leaves a
row that says how far it came.
"""
