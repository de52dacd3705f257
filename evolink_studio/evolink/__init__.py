"""Client of the EvoLink API: one paid POST, free reads, uploads, downloads of results.

Knows nothing of the studio's tables. `errors` holds the error hierarchy.
"""
