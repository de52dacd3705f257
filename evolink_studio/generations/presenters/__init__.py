"""Turns rows into what templates show. A presenter never writes."""
