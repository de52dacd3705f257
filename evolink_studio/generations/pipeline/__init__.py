"""The steps of the work: send, follow, save, sweep.

A step knows nothing of who calls it. It takes rows by a lease, talks to EvoLink outside of any
transaction, and writes what it learned by a conditional update. Killed at any moment, it leaves a
row that says how far it came.
"""
