"""In which order services are released. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def ready(after: Mapping[str, Collection[str]], started: Collection[str], done: Collection[str]) -> list[str]:
    """What may start now: not started, and everything that it comes after is done.

    `after` maps each service of the run to the services that it comes after; those outside the run do not count.
    """
    return [
        key
        for key, earlier in after.items()
        if key not in started and all(other in done for other in earlier if other in after)
    ]
