"""The page that a browser sees."""
