"""One file per AI model: its request class and its spec."""
