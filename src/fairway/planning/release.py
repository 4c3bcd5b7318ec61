"""A release: the rendered definitions of a run, ready for AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServiceRelease:
    """A service with its new revision, not yet registered."""

    key: str
    name: str
    """On ECS."""
    definition: Mapping[str, Any]
    definition_path: Path
    service: Mapping[str, Any] | None = None
    """What CreateService takes; None: only its revisions change."""
    service_path: Path | None = None
    after: tuple[str, ...] = ()
    version: str | None = None
    """What the team calls it: its tag, or that of the image it was given."""
    tag: str | None = None
    """What was put in for `{{ tag }}`."""
    digest: str | None = None
    """Of the first image that was pinned."""


@dataclass(frozen=True, slots=True)
class OneOff:
    """A task that runs to its end before services change."""

    key: str
    definition: Mapping[str, Any]
    definition_path: Path
    run: Mapping[str, Any] | None = None
    run_path: Path | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class ScheduledRelease:
    """A task that EventBridge starts by a schedule, with its new revision."""

    key: str
    definition: Mapping[str, Any]
    definition_path: Path
    rule: str | None = None
    """`[BUS/]NAME` of an EventBridge rule."""
    schedule: str | None = None
    """`[GROUP/]NAME` of a schedule of EventBridge Scheduler."""
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Everything that one run deploys."""

    services: tuple[ServiceRelease, ...]
    before: tuple[OneOff, ...] = ()
    scheduled: tuple[ScheduledRelease, ...] = ()
    """Moved to their new revisions after the services."""
    roll_back_all: bool = True
    version: str | None = None
    """Of all of it: `v2`, or `api=v2, worker=v7` where they differ."""
    images: frozenset[str] = frozenset()
    """Given by name on the command line: deployed as they are, never built."""
    left_out: tuple[str, ...] = ()
    """One-off tasks that do not run: an image alone says nothing about theirs."""
