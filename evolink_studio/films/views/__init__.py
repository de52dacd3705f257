"""Pages of films."""
