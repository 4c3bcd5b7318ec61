"""One revision a file, one statement of DDL a revision: MySQL commits each by itself."""
