"""The sliding window that limits are counted in: two fixed windows, the older weighted by how much of it still counts. Pure."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from typing import Final

_INEXACT: Final = 1e-6
"""By which products of fractions may be wrong."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in so many seconds; a count of 0 is no limit."""

    name: str
    count: int
    seconds: int
    is_shared: bool
    """Counted for all processes together from the first request on. Others are, once this process alone has seen a tenth."""


def window_at(limit: Limit, moment: float) -> tuple[int, float]:
    """The number of the window at a moment, and how much of it has passed: 0 to 1."""
    window = math.floor(moment / limit.seconds)
    return window, moment / limit.seconds - window


def seconds_to_wait(limit: Limit, *, previous: int, current: int, passed: float) -> int:
    """After how many seconds one more request fits; 0: now.

    `previous` and `current` were let through in the window before and in this one, of which the part `passed` has passed.

    count=10, 60 s: previous 0, current 9 -> 0      previous 0, current 10, passed 0.5 -> 36
                    previous 10, current 0, passed 0.0 -> 6     previous 10, current 5, passed 0.5 -> 6
    """
    room = limit.count - 1 - current
    if room >= 0:
        if previous * (1 - passed) <= room + _INEXACT:
            return 0
        # the older window loses weight until there is room
        return _whole(limit.seconds * (1 - room / previous - passed))
    # this window is full: it becomes the older one, and then loses weight too
    return _whole(limit.seconds * (1 - passed + max(0.0, 1 - (limit.count - 1) / current)))


def _whole(seconds: float) -> int:
    return max(1, math.ceil(seconds - _INEXACT))


def address_group(address: str) -> str:
    """What one client has: an address of IPv4, a network of 64 bits of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
