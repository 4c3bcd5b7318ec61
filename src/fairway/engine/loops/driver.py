"""Drives the kernel in real time: it sleeps until something wakes it or the next timer is due."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.engine.store.store import StoreUnavailable

if TYPE_CHECKING:
    from datetime import datetime

    from fairway.clock import Clock
    from fairway.engine.loops.kernel import Kernel

log = logging.getLogger(__name__)

RETRY_REAL_SECONDS: Final = 2.0
LONGEST_SLEEP_SECONDS: Final = 3600.0


class Driver:
    """Owns the waking and sleeping; `wake` may be called from the event loop at any time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._awake = asyncio.Event()

    def wake(self) -> None:
        self._awake.set()

    def fail(self, what: str, error: Exception) -> datetime:
        """Log what went wrong, and try again a little later: the world may have changed by then."""
        if isinstance(error, StoreUnavailable):
            log.error("%s: %s", what, error)
        else:
            log.error("%s failed", what, exc_info=error)
        return self._clock.now() + timedelta(seconds=RETRY_REAL_SECONDS * self._clock.rate)

    async def drive(self, kernel: Kernel) -> None:
        """Run until cancelled."""
        while True:
            self._awake.clear()
            if kernel.run():
                await asyncio.sleep(0)
                continue
            deadline = kernel.next_deadline()
            wait = LONGEST_SLEEP_SECONDS
            if deadline is not None:
                wait = min(wait, self._clock.real_seconds_until(deadline))
            try:
                async with asyncio.timeout(wait):
                    await self._awake.wait()
            except TimeoutError:
                pass
