"""Time zones, by the names of the IANA."""

from __future__ import annotations

import functools
from zoneinfo import ZoneInfo, available_timezones


@functools.cache
def known_zones() -> frozenset[str]:
    """The names that this machine knows."""
    # read once: it looks into some six hundred files
    return frozenset(available_timezones())


def zone_named(name: str) -> ZoneInfo | None:
    """The zone; None when there is none of this name, in this spelling."""
    return ZoneInfo(name) if name in known_zones() else None
