"""One module a measure: `measure(grounds, size)` gives its figures one by one."""
