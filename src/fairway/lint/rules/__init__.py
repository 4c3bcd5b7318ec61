"""The rules, one file for each family: a family is a tuple of rules and a function from a view to findings."""
