"""How often AWS is asked: at once on this machine, gently on AWS.

On AWS one cheap DescribeServiceDeployments goes out each 2 to 5 seconds, with jitter so that many deployments do not ask together;
the services (ten in a call) each 20 to 30 seconds; tasks and targets (five calls) of one service each minute, and of one service
after the other each 8 seconds when there are many. With the renewing of locks these are 30 calls a minute for one service, 120
for forty. Whatever a service deployment has news of is looked at at once. An engine on this machine is asked ten times a second
whether a deployment has news, and four times for all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fairway.clock import monotonic, sleep
from fairway.ids import fraction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LOCAL_SECONDS: Final = 0.1
_LOCAL_DETAIL_SECONDS: Final = 0.25
_LEAST_SECONDS, _MOST_SECONDS = 2.0, 5.0
_DETAIL_SECONDS: Final = 15.0
_FEW: Final = 10
"""Services that one DescribeServices tells of."""
_SERVICES_SECONDS: Final = 20.0
_MANY_SERVICES_SECONDS: Final = 30.0
_SERVICE_DETAIL_SECONDS: Final = 60.0
"""Between two looks at the tasks and targets of one service."""
_SPACING_SECONDS: Final = 8.0
"""Between the tasks and targets of two services."""


@dataclass(slots=True)
class Pace:
    """Waits between two looks, and tells when details are due."""

    is_local: bool
    _details_at: float | None = None
    _services_at: float | None = None
    _seen: dict[str, float] = field(default_factory=dict)
    """When the details of each were looked at."""

    def seconds(self, chance: Callable[[], float] = fraction) -> float:
        """Until the next look."""
        if self.is_local:
            return _LOCAL_SECONDS
        return _LEAST_SECONDS + (_MOST_SECONDS - _LEAST_SECONDS) * chance()

    def details_are_due(self) -> bool:
        """True at the first call and then once each interval."""
        now = monotonic()
        interval = _LOCAL_DETAIL_SECONDS if self.is_local else _DETAIL_SECONDS
        if self._details_at is None or now - self._details_at >= interval:
            self._details_at = now
            return True
        return False

    def services_are_due(self, count: int) -> bool:
        """So many services themselves are to be looked at now: counts and events."""
        now = monotonic()
        slow = _SERVICES_SECONDS if count <= _FEW else _MANY_SERVICES_SECONDS
        interval = _LOCAL_DETAIL_SECONDS if self.is_local else slow
        if self._services_at is None or now - self._services_at >= interval:
            self._services_at = now
            return True
        return False

    def due(self, keys: Sequence[str]) -> list[str]:
        """Those whose tasks and targets are to be looked at now: on AWS at most one, whose turn it is; locally all of them."""
        now = monotonic()
        last = max(self._seen.values(), default=None)
        if self.is_local:
            if last is not None and now - last < _LOCAL_DETAIL_SECONDS:
                return []
            self._seen = dict.fromkeys(keys, now)
            return list(keys)
        spacing = max(_SPACING_SECONDS, _SERVICE_DETAIL_SECONDS / max(1, len(keys)))
        if not keys or (last is not None and now - last < spacing):
            return []
        oldest = min(keys, key=lambda key: self._seen.get(key, float("-inf")))
        self._seen[oldest] = now
        return [oldest]

    def wait(self) -> None:
        """Block until the next look."""
        sleep(self.seconds())
