"""Projects: what tasks belong to."""
