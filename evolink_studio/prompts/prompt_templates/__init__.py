"""Templates: prompts with placeholders such as {place}, which are filled in when they are used."""
