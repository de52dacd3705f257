"""The HTTP endpoints of the sandbox: generations, tasks, files, media."""
