"""Jobs that failed again and again, for somebody to look at."""
