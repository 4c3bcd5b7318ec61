"""The names and versions of jobs, for those who want one and need not load what does it."""

from __future__ import annotations

from typing import Final

WRITE_EXPORT: Final = "taskmanager.write_export"
FIRE_REMINDER: Final = "taskmanager.fire_reminder"
NOTIFY: Final = "taskmanager.notify"
MESSAGE_VERSION: Final = 2
"""The newest `v` of a job that this release knows: a worker leaves what is newer than itself to a newer worker.

2: exports have a format.
"""
