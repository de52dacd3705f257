"""POST data to typed values, and the form as a template needs it."""
