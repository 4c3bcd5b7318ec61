"""Notices when the laptop's Valkey is gone, and starts it again with its data: without it no task can queue or cache."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from fairway.engine.stores import StoreFailed

if TYPE_CHECKING:
    from fairway.engine.stores import Stores
    from fairway.ids import IdSource

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 10.0
"""After a start that failed."""


class StoreKeeping:
    """Looks after the stores of one data directory, in real time: Valkey is real, whatever the engine's speed."""

    def __init__(self, stores: Stores, ids: IdSource) -> None:
        self._stores = stores
        self._ids = ids
        self._trouble: str | None = None

    def state(self) -> str | None:
        """`running`, or what is wrong; None: this engine has no store."""
        if not self._stores.exist:
            return None
        if self._trouble is None and self._stores.is_down():
            return "it has ended, and is started anew"
        return self._trouble or "running"

    async def run(self) -> None:
        """Until cancelled."""
        while True:  # noqa: ASYNC110 - a process that is no child of ours tells nobody when it ends
            await asyncio.sleep(AGAIN_SECONDS if await self.look() else LOOK_SECONDS)

    async def look(self) -> str | None:
        """Look once, and start what is gone; what is wrong then."""
        if not self._stores.is_down():
            self._trouble = None
            return None
        log.warning("Valkey has ended by itself; it is started anew, with its data")
        try:
            started = await asyncio.to_thread(self._stores.valkey, self._ids, same_port=True)
        except (StoreFailed, OSError) as error:
            self._trouble = str(error)
            log.error("Valkey: %s", error)  # noqa: TRY400 - it says all; it is tried again
        else:
            self._trouble = None
            log.info("Valkey runs again on 127.0.0.1:%d (process %d)", started.port, started.pid)
        return self._trouble
