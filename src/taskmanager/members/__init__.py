"""Members: who sees and changes a project that somebody else made."""
