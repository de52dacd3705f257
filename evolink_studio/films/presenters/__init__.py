"""Rows as the templates of films show them. Nothing here writes."""
