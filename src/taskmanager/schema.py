"""All tables of the program, for migrations and for the test that both agree."""

from __future__ import annotations

from typing import Final

from taskmanager.activity.models import Activity
from taskmanager.apitokens.models import ApiToken
from taskmanager.comments.models import Comment
from taskmanager.db import Base
from taskmanager.exports.models import Export, ExportFile, ExportPart
from taskmanager.idempotency.models import IdempotencyKey
from taskmanager.labels.models import Label, TaskLabel
from taskmanager.members.models import Membership
from taskmanager.notifications.models import Notification
from taskmanager.outbox.models import Lease, OutboxRow, ParkedJob
from taskmanager.projects.models import Project
from taskmanager.reminders.models import Reminder
from taskmanager.sessions.models import RefreshFamily, RefreshToken
from taskmanager.tasks.models import Task
from taskmanager.users.models import User
from taskmanager.web.models import WebSession

TABLES: Final = (
    User,
    Project,
    Membership,
    Task,
    Label,
    TaskLabel,
    Comment,
    Activity,
    Export,
    ExportFile,
    ExportPart,
    RefreshFamily,
    RefreshToken,
    ApiToken,
    IdempotencyKey,
    OutboxRow,
    ParkedJob,
    Lease,
    Notification,
    Reminder,
    WebSession,
)
metadata: Final = Base.metadata
