"""How often AWS is asked: at once on this machine, gently on AWS.

On AWS one cheap Describe goes out each 2 to 5 seconds, with jitter so that many deployments do not ask together. Details of a
service (itself, tasks, targets: six calls) come each 30 seconds, and of one service after the other each 6 seconds when there are
many: about 30 calls a minute for one service, 100 for forty. An engine on this machine is asked four times a second, all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fairway.clock import monotonic, sleep
from fairway.ids import fraction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LOCAL_SECONDS: Final = 0.25
_LEAST_SECONDS, _MOST_SECONDS = 2.0, 5.0
_DETAIL_SECONDS: Final = 15.0
_SERVICE_SECONDS: Final = 30.0
"""Between two looks at the details of one service."""
_SPACING_SECONDS: Final = 6.0
"""Between the details of two services."""


@dataclass(slots=True)
class Pace:
    """Waits between two looks, and tells when details are due."""

    is_local: bool
    _details_at: float | None = None
    _seen: dict[str, float] = field(default_factory=dict)
    """When the details of each were looked at."""

    def seconds(self, chance: Callable[[], float] = fraction) -> float:
        """Until the next look."""
        if self.is_local:
            return _LOCAL_SECONDS
        return _LEAST_SECONDS + (_MOST_SECONDS - _LEAST_SECONDS) * chance()

    def details_are_due(self) -> bool:
        """True at the first call and then once each interval; locally at each look."""
        now = monotonic()
        interval = 0.0 if self.is_local else _DETAIL_SECONDS
        if self._details_at is None or now - self._details_at >= interval:
            self._details_at = now
            return True
        return False

    def due(self, keys: Sequence[str]) -> list[str]:
        """Those whose details are to be looked at now: on AWS at most one, whose turn it is; locally all of them."""
        if self.is_local:
            return list(keys)
        now = monotonic()
        last = max(self._seen.values(), default=None)
        spacing = max(_SPACING_SECONDS, _SERVICE_SECONDS / max(1, len(keys)))
        if not keys or (last is not None and now - last < spacing):
            return []
        oldest = min(keys, key=lambda key: self._seen.get(key, float("-inf")))
        self._seen[oldest] = now
        return [oldest]

    def wait(self) -> None:
        """Block until the next look."""
        sleep(self.seconds())
