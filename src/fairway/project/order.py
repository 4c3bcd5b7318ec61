"""Whether services can come after each other as the project says. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairway.errors import UsageError
from fairway.project.text import place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def check_order(after: Mapping[str, Sequence[str]], path: Path) -> None:
    """Make sure that the order can be kept; `after` is of each service of the project file.

    Raises:
        UsageError: services come after each other in a circle; names those of the circle, and the line of the first one's `after`.
    """
    circle = circle_of(after)
    if not circle:
        return
    what = (
        f"{circle[0]} comes after itself"
        if len(circle) == 1
        else f"services come after each other in a circle: {', '.join(circle)}"
    )
    raise UsageError(
        f"{place(path, f'services.{circle[0]}', 'after')}: {what}", hint="take a name out of one `after` of them"
    )


def circle_of(after: Mapping[str, Sequence[str]]) -> list[str]:
    """Services of which each comes after the next, and the last after the first; none: there is no circle.

    {api: [worker], worker: [api]} -> [api, worker]     {api: [worker], worker: [worker]} -> [worker]
    """
    left = dict(after)
    while True:
        free = [key for key, earlier in left.items() if not any(other in left for other in earlier)]
        if not free:
            break
        for key in free:
            del left[key]
    if not left:
        return []
    # each that is left comes after another that is left: whoever is met again is in a circle
    path = [next(iter(left))]
    while True:
        following = next(other for other in left[path[-1]] if other in left)
        if following in path:
            return path[path.index(following) :]
        path.append(following)
