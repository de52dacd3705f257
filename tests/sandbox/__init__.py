"""The sandbox, asked over HTTP."""
