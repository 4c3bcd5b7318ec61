"""Lines of the activity log in words."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from taskmanager.web.rendering import PRIORITIES, STATUSES
from taskmanager.web.times import day_at, day_text, moment_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from taskmanager.web.project_frame import Frame

_FIELDS: Final = {
    "due_at": "due time",
    "due_on": "due day",
    "assignee_id": "assignee",
    "parent_id": "parent task",
    "label_ids": "labels",
}
_LONGEST: Final = 80


def told(row: Mapping[str, Any], frame: Frame, zone: tzinfo) -> dict[str, Any]:
    """The line: `who`, `what`, `created_at`, and the task that it is about, if it is about one."""
    who = frame.names.get(row["actor_id"], "Somebody who has left")
    return {"who": who, "what": _what(row, frame, zone), "created_at": row["created_at"], "task_id": row["task_id"]}


def _what(row: Mapping[str, Any], frame: Frame, zone: tzinfo) -> str:
    subject, action, field = row["subject"], row["action"], row["field"]
    old, new = (_value(row[name], row, frame, zone) for name in ("old_value", "new_value"))
    if subject == "comment":
        return {"created": "added a comment", "deleted": "deleted a comment"}.get(action, "changed a comment")
    if field is None:
        of = new if row["new_value"] is not None else old
        return f"{action} the {subject}" + (f" “{of}”" if of else "")
    name = _FIELDS.get(field, field)
    if field == "archived":
        return "archived the project" if row["new_value"] == "True" else "restored the project"
    if field == "description":  # a long text: that it was changed is said, not how
        return f"changed the {name}"
    return f"changed the {name} from {old or 'none'} to {new or 'none'}"


def _value(text: str | None, row: Mapping[str, Any], frame: Frame, zone: tzinfo) -> str:
    """A value of the log as people say it; one that nobody knows any more as it is."""
    if not text:
        return ""
    match row["field"]:
        case "status":
            return STATUSES.get(text, text)
        case "priority":
            return PRIORITIES.get(int(text), text)
        case "assignee_id":
            return frame.names.get(int(text), "somebody who has left")
        case "label_ids":
            known = frame.labels_by_id
            return ", ".join(
                known[int(one)]["name"] if int(one) in known else "a deleted label" for one in text.split(",")
            )
        case "due_at":
            return moment_text(datetime.fromisoformat(text), zone)
        case "due_on":
            return day_text(day_at(text))
    if row["subject"] == "member":
        member, _, role = text.partition(" ")
        return f"{frame.names.get(int(member), 'somebody')} as {role}"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
