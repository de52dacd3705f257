"""Presets: all fields of a form of one AI model, under a name."""
