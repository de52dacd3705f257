"""HTTP to EvoLink: one paid POST, free reads, uploads, and copies of results.

Knows nothing of the studio's own tables. `errors` draws what can go wrong.
"""
