"""The stages of a generation: dispatch, polling, downloading, reconciliation.

A stage works on leased rows, talks to the provider outside of any transaction, and stores the
result by a conditional update. Killed at any moment, it leaves a row from which it can go on.
"""
