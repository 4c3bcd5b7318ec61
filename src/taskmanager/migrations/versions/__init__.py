"""One revision a file; each of its statements can be run again."""
