"""Pages of shares: those of their owners, and the one for guests."""
