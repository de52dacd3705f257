"""Shared by every app: admin bases, HTTP helpers, middleware, database, formatting."""
