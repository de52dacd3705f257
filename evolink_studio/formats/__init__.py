"""How short dates and moments are written, by language."""
