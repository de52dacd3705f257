"""One module a measure: `measure(instances, size)` gives its figures one by one."""
