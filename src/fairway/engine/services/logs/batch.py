"""Which events of a PutLogEvents request are taken, and when the whole of it is refused. Pure.

Source: CloudWatch Logs API Reference, PutLogEvents and RejectedLogEventsInfo.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from fairway.engine.services.logs.table import InvalidParameterException

if TYPE_CHECKING:
    from collections.abc import Sequence

OVERHEAD_BYTES: Final = 26
"""What each event costs beside its message in UTF-8."""
MOST_EVENT_BYTES: Final = 1024 * 1024
MOST_BATCH_BYTES: Final = 1_048_576
DAY: Final = 24 * 3_600_000
OLDEST: Final = 14 * DAY
NEWEST: Final = 2 * 3_600_000


@dataclass(frozen=True, slots=True)
class Taken:
    """The events of a batch from `first` to before `end` are taken."""

    first: int
    end: int
    rejected: dict[str, int]
    """`rejectedLogEventsInfo`: ends are the index after the last one, starts are the first one's; empty: all are taken."""


def event_bytes(message: str) -> int:
    """What an event counts."""
    return len(message.encode("utf-8", "replace")) + OVERHEAD_BYTES


def judge_batch(events: Sequence[tuple[int, str]], now: int, retention_days: int | None) -> Taken:
    """What becomes of events, (time, message) each; all times in milliseconds.

    Older than 14 days or than the group's retention, or more than two hours ahead: such events are left out, and the rest is
    taken. The 24 hours that a batch may span are of those that are taken.

    Raises:
        InvalidParameterException: the batch or an event is too large, its order is wrong, or it spans too much time.
    """
    sizes = [event_bytes(message) for _, message in events]
    for size in sizes:
        if size > MOST_EVENT_BYTES:
            raise InvalidParameterException(f"Log event too large: {size} bytes exceeds limit of {MOST_EVENT_BYTES}")
    if sum(sizes) > MOST_BATCH_BYTES:
        raise InvalidParameterException(f"Upload too large: {sum(sizes)} bytes exceeds limit of {MOST_BATCH_BYTES}")
    stamps = [stamp for stamp, _ in events]
    if any(later < earlier for earlier, later in pairwise(stamps)):
        raise InvalidParameterException("Log events in a single PutLogEvents request must be in chronological order.")
    too_old = sum(stamp < now - OLDEST for stamp in stamps)
    expired = 0 if retention_days is None else sum(stamp < now - retention_days * DAY for stamp in stamps)
    too_new = sum(stamp > now + NEWEST for stamp in stamps)
    first, end = max(too_old, expired), len(stamps) - too_new
    if first < end and stamps[end - 1] - stamps[first] > DAY:
        raise InvalidParameterException(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    rejected = {
        "tooOldLogEventEndIndex": too_old,
        "expiredLogEventEndIndex": expired,
        "tooNewLogEventStartIndex": end if too_new else 0,
    }
    # an index of 0 says that the very first is too new, and is no more than that: the ends are counts
    said = {name: index for name, index in rejected.items() if index or (name.startswith("tooNew") and too_new)}
    return Taken(first, max(first, end), said)
