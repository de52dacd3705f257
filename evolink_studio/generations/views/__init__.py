"""Pages and fragments. The template of a fragment starts with "_"."""
