"""Pages and fragments of the work. A fragment's template starts with "_"."""
