"""What jobs are called in messages. A name stays for one release longer than anybody sends it."""

from __future__ import annotations

from typing import Final

WRITE_EXPORT: Final = "taskmanager.write_export"
NOTIFY: Final = "taskmanager.notify"
REMIND: Final = "taskmanager.remind"
PURGE: Final = "taskmanager.purge"
MESSAGE_VERSION: Final = 1
"""Sent as `v` with each job: a worker leaves what is newer than itself to a newer worker."""
