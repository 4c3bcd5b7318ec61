"""Notices when a server beside the engine is gone, and starts it again with its data: without it no task can work."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from fairway.errors import FairwayError

if TYPE_CHECKING:
    from fairway.engine.stores import Server
    from fairway.ids import IdSource

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 10.0
"""After a start that failed."""


class StoreKeeping:
    """Looks after a server of one data directory, in real time: it is real, whatever the engine's speed."""

    def __init__(self, server: Server, ids: IdSource) -> None:
        self._server = server
        self._ids = ids
        self._trouble: str | None = None

    @property
    def key(self) -> str:
        return self._server.key

    def state(self) -> str | None:
        """`running`, or what is wrong; None: this engine has no such server."""
        if not self._server.exists:
            return None
        if self._trouble is None and self._server.is_down():
            return "it has ended, and is started anew"
        return self._trouble or "running"

    async def run(self) -> None:
        """Until cancelled."""
        while True:  # noqa: ASYNC110 - a process that is no child of ours tells nobody when it ends
            await asyncio.sleep(AGAIN_SECONDS if await self.look() else LOOK_SECONDS)

    async def look(self) -> str | None:
        """Look once, and start what is gone; what is wrong then."""
        if not self._server.is_down():
            self._trouble = None
            return None
        title = self._server.title
        log.warning("%s has ended by itself; it is started anew, with its data", title)
        try:
            started = await asyncio.to_thread(self._server.start, self._ids, same_port=True)
        except (FairwayError, OSError) as error:
            self._trouble = str(error)
            log.error("%s: %s", title, error)  # noqa: TRY400 - it says all; it is tried again
        else:
            self._trouble = None
            log.info("%s runs again on 127.0.0.1:%d (process %d)", title, started.port, started.pid)
        return self._trouble
