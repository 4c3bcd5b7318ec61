"""Reminders: somebody wants to hear of a task at a moment, or some minutes before it is due."""
