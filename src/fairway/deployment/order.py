"""In which order services are released. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairway.errors import UsageError

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


def check_order(after: Mapping[str, Collection[str]]) -> None:
    """Make sure that the order can be kept.

    Raises:
        UsageError: services wait for each other in a circle.
    """
    done: list[str] = []
    while len(done) < len(after):
        following = ready(after, done, done)
        if not following:
            circle = sorted(set(after) - set(done))
            raise UsageError(
                f"services come after each other in a circle: {', '.join(circle)}",
                hint="take one `after` out of fairway.toml",
            )
        done += following
