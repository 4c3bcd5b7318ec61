"""All tables of the program, for migrations and for the test that both agree."""

from __future__ import annotations

from typing import Final

from taskmanager.db import Base
from taskmanager.exports.models import Export, ExportFile, ExportPart
from taskmanager.notifications.models import Notification
from taskmanager.outbox.models import Lease, OutboxRow, ParkedJob
from taskmanager.projects.models import Project
from taskmanager.reminders.models import Reminder
from taskmanager.tasks.models import Task
from taskmanager.users.models import User

TABLES: Final = (
    User,
    Project,
    Task,
    Export,
    ExportFile,
    ExportPart,
    OutboxRow,
    ParkedJob,
    Lease,
    Notification,
    Reminder,
)
metadata: Final = Base.metadata
