"""Rows to what a template shows. A presenter never writes."""
