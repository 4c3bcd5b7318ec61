"""The tool's only door to AWS."""
