"""Judging metrics: statistics on plain numbers, standard library only. Nothing here knows AWS, files or the time of day."""
