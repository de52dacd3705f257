"""The process that runs the pipeline: one asyncio loop, or jobs on PostgreSQL."""
