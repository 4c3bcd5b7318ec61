"""How often AWS is asked: at once on this machine, gently on AWS.

On AWS one cheap Describe goes out each 2 to 5 seconds, with jitter so that many deployments do not ask together;
details (tasks, targets, log lines) each 15 seconds. An engine on this machine is asked four times a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fairway.clock import monotonic, sleep
from fairway.ids import fraction

if TYPE_CHECKING:
    from collections.abc import Callable

_LOCAL_SECONDS: Final = 0.25
_LEAST_SECONDS, _MOST_SECONDS = 2.0, 5.0
_DETAIL_SECONDS: Final = 15.0


@dataclass(slots=True)
class Pace:
    """Waits between two looks, and tells when details are due."""

    is_local: bool
    _details_at: float | None = None

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

    def wait(self) -> None:
        """Block until the next look."""
        sleep(self.seconds())
