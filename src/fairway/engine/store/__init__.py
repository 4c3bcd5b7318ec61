"""The engine's state: read from memory, written through to one SQLite file."""
