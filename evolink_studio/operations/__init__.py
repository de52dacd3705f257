"""Running the studio: health, metrics, logging, processes, backup and commands."""
