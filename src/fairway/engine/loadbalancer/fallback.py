"""A data plane in plain Python, inside the engine, for machines on which there is no Envoy.

It does what Envoy does for us, more slowly, and not while the engine is down: it is the engine. A target gets a connection
for each request: what is not used again is never found closed. Slow start is not supported.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from fairway.clock import monotonic
from fairway.engine.loadbalancer.fallback_connection import ClientConnection
from fairway.engine.loadbalancer.fallback_state import ListenerState, PoolState
from fairway.engine.loadbalancer.port_holder import HOST, can_listen, refusal
from fairway.engine.loadbalancer.protocol import Stats
from fairway.ids import RandomIds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fairway.engine.loadbalancer.protocol import Configuration

log = logging.getLogger(__name__)

DRAIN_SECONDS: Final = 5.0
_BACKLOG: Final = 1024


class FallbackDataPlane:
    """Listens and forwards by itself."""

    def __init__(self, folder: Path | None = None) -> None:
        del folder  # it keeps nothing
        self._listeners: dict[str, ListenerState] = {}
        self._pools: dict[str, PoolState] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ids = RandomIds()
        self._generation = self._ids.hexadecimal(16)

    async def open(self) -> None:
        """There is nothing to adopt."""

    async def apply(self, configuration: Configuration) -> Mapping[str, str]:
        """Make it so."""
        for pool in configuration.pools:
            self._pools.setdefault(pool.key, PoolState(pool)).pool = pool
        wanted = {spec.key: spec for spec in configuration.listeners} if configuration.has_work else {}
        for key, listener in self._listeners.items():
            spec = wanted.get(key)
            if listener.is_open and (spec is None or spec.port != listener.spec.port):
                await self._stop_listening(listener)
        refused = {}
        for key, spec in wanted.items():
            listener = self._listeners.setdefault(key, ListenerState(spec))
            if listener.spec != spec:
                listener.turns.clear()
                listener.spec = spec
            if not listener.is_open and not await self._listen(listener):
                refused[key] = refusal(spec.port)
        return refused

    async def stats(self) -> Stats:
        """All counters now."""
        served = {key: listener for key, listener in self._listeners.items() if listener.requests or listener.is_open}
        return Stats(
            generation=self._generation,
            pools={key: pool.stats() for key, pool in self._pools.items()} if self._listeners else {},
            listener_requests={key: listener.requests for key, listener in served.items()},
            listener_5xx={key: listener.errors for key, listener in served.items()},
        )

    async def lost(self) -> None:
        """It ends with the engine."""
        await asyncio.Event().wait()

    def pid(self) -> int | None:
        """It has no process of its own."""
        return None

    async def close(self, *, leave_running: bool) -> None:
        """Let requests end for at most DRAIN_SECONDS."""
        if leave_running and self._tasks:
            log.warning("the load balancer in plain Python ends with the engine")
        for listener in self._listeners.values():
            if listener.is_open:
                await self._stop_listening(listener)
        deadline = monotonic() + DRAIN_SECONDS
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=max(0.0, deadline - monotonic()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- inside ----------------------------------------------------------------------------------------------------

    async def _listen(self, listener: ListenerState) -> bool:
        if not can_listen(listener.spec.port):
            return False

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connection = ClientConnection(self._pools, self._ids, listener, reader, writer)
            self._tasks.add(task)
            listener.connections.add(connection)
            try:
                await connection.serve()
            except asyncio.CancelledError:  # at `close`: the task is ours, and nobody waits for what it says
                pass
            finally:
                listener.connections.discard(connection)
                self._tasks.discard(task)

        try:
            listener.server = await asyncio.start_server(serve, HOST, listener.spec.port, backlog=_BACKLOG)
        except OSError:
            return False
        return True

    async def _stop_listening(self, listener: ListenerState) -> None:
        """New connections are refused, idle ones are closed, busy ones after their answer."""
        assert listener.server is not None
        listener.server.close()
        listener.server = None
        for connection in list(listener.connections):
            connection.close_when_idle()
