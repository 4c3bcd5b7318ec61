"""One small router for each page."""
