"""What keeps the studio running: health, metrics, logging, processes, backup, commands."""
