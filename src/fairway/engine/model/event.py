"""Events, the buses that they go over, and the rules that wait for them there (or for a time)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

DEFAULT_BUS = "default"
DISABLED = "DISABLED"


@dataclass(frozen=True, slots=True)
class EventBus:
    """A custom event bus, or what is known of the default one beside its being there."""

    arn: str
    name: str
    region: str
    created_at: datetime
    modified_at: datetime
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventRule:
    """A rule with its targets."""

    arn: str
    name: str
    region: str
    bus: str
    """Its name."""
    anchor_at: datetime
    """From when on the periods of a rate are counted."""
    pattern: str | None = None
    """JSON, as it was given."""
    schedule: str | None = None
    state: str = "ENABLED"
    description: str | None = None
    role_arn: str | None = None
    created_by: str = ""
    targets: tuple[Mapping[str, Any], ...] = ()
    """As they were given."""
    tags: Mapping[str, str] = field(default_factory=dict)
    next_at: datetime | None = None
    """The next run of its schedule."""

    @property
    def is_enabled(self) -> bool:
        return self.state != DISABLED


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. Kept only until the rules of its bus have seen it."""

    id: str
    region: str
    account: str
    bus: str
    """Its name."""
    source: str
    detail_type: str
    at: datetime
    resources: tuple[str, ...]
    detail: Mapping[str, Any]


def event_document(event: Event) -> dict[str, Any]:
    """The event as patterns and targets see it. Source: EventBridge Events Reference, "AWS service event metadata"."""
    return {
        "version": "0",
        "id": event.id,
        "detail-type": event.detail_type,
        "source": event.source,
        "account": event.account,
        "time": event.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": event.region,
        "resources": list(event.resources),
        "detail": dict(event.detail),
    }


def bus_arn(region: str, account: str, name: str) -> str:
    return f"arn:aws:events:{region}:{account}:event-bus/{name}"


def rule_arn(region: str, account: str, bus: str, name: str) -> str:
    """Rules of the default bus do not name it."""
    return f"arn:aws:events:{region}:{account}:rule/{name if bus == DEFAULT_BUS else f'{bus}/{name}'}"


def bus_index(region: str, bus: str) -> str:
    return f"{region}|{bus}"
