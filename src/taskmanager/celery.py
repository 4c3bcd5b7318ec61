"""What `celery -A taskmanager.celery …` loads: the application as the environment variables configure it.

The health command `celery -A taskmanager.celery inspect ping` loads it each time, so it imports no job and no database.
"""

from __future__ import annotations

from taskmanager.broker import create_celery
from taskmanager.settings import ConfigurationError, load_settings

try:
    app = create_celery(load_settings("celery_broker_url"))
except ConfigurationError as error:
    raise SystemExit(f"taskmanager: {error}") from None
