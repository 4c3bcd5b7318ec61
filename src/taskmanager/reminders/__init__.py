"""Reminders: somebody is to be notified of a task at a time."""
