"""One client's connection to the plain Python data plane: request after request, each to a target of its choice.

HTTP/1.1 is h11's work on both sides; what is here is who waits for whom. Bodies stream both ways at once, so that a target
may answer before it has read all.
"""

from __future__ import annotations

import asyncio
import contextlib
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final

import h11

from fairway.clock import wall_now
from fairway.engine.loadbalancer.answers import SERVER, page
from fairway.engine.loadbalancer.fallback_exchange import (
    CHUNK,
    HOP_BY_HOP,
    BrokenOff,
    ClientGone,
    Exchange,
    TargetFailed,
)
from fairway.engine.loadbalancer.protocol import FixedResponse, Forward, Redirect
from fairway.engine.loadbalancer.routing import Asked, choose, location, trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.engine.loadbalancer.fallback_state import ListenerState, PoolState
    from fairway.ids import RandomIds

_MOST_REQUEST_HEAD: Final = 64 * 1024
_BODILESS: Final = frozenset({204, 304})
_FIRST_ERROR: Final = 500


class ClientConnection:
    """Serves one connection until either side closes it."""

    def __init__(
        self,
        pools: Mapping[str, PoolState],
        ids: RandomIds,
        listener: ListenerState,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._pools = pools
        self._ids = ids
        self._listener = listener
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_REQUEST_HEAD)
        self._idle = True
        self._method = ""

    def close_when_idle(self) -> None:
        """The listener is gone: no further request."""
        if self._idle:
            self._writer.close()

    async def serve(self) -> None:
        """Request after request."""
        try:
            while await self._serve_one():
                self._http.start_next_cycle()
        except (ClientGone, BrokenOff, OSError):
            self._writer.transport.abort()
        finally:
            self._writer.close()

    # -- one request -----------------------------------------------------------------------------------------------

    async def _serve_one(self) -> bool:
        """Take a request and answer it; whether another may follow."""
        self._idle = True
        try:
            async with asyncio.timeout(self._listener.spec.idle_timeout_seconds):
                event = await self._next_event()
        except TimeoutError:
            return False
        except h11.RemoteProtocolError:
            self._count(400)
            await self._answer(400, "text/html", page(400))
            return False
        self._idle = False
        if not isinstance(event, h11.Request):
            return False
        headers: dict[str, list[str]] = {}
        for name, value in event.headers:
            headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        self._method = event.method.decode("ascii")
        asked = Asked(self._method, event.target.decode("latin-1"), headers)
        await self._act(event, asked)
        return self._listener.is_open and self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _act(self, request: h11.Request, asked: Asked) -> None:
        spec = self._listener.spec
        action = choose(spec.routes, asked)
        if asked.method == "TRACE":
            await self._own(405)
            return
        match action:
            case Forward():
                key = self._listener.choose_pool(action)
                pool = None if key is None else self._pools.get(key)
                if pool is None:
                    await self._own(503)
                else:
                    await self._forward(pool, request, asked)
            case FixedResponse():
                await self._own(action.status_code, action.content_type, action.body)
            case Redirect():
                where = location(action, asked, spec.port)
                await self._own(action.status_code, more=[("location", where)])
            case None:
                await self._own(503)

    async def _forward(self, pool: PoolState, request: h11.Request, asked: Asked) -> None:
        endpoint = pool.choose()
        if endpoint is None:
            pool.counts["balancer_503"] += 1
            await self._own(503)
            return
        pool.active[endpoint] += 1
        exchange = Exchange(self, pool, endpoint)
        try:
            await exchange.carry(request, self._headers(asked))
        except TargetFailed as failure:
            pool.counts[f"balancer_{failure.status}"] += 1
            await self._own(failure.status)
        except BrokenOff:
            pool.counts["broken_off"] += 1
            raise
        except (ClientGone, ConnectionError) as error:
            pool.counts["client_closed"] += 1
            raise ClientGone from error
        finally:
            pool.counts["requests"] += 1
            pool.active[endpoint] -= 1

    def _headers(self, asked: Asked) -> list[tuple[str, str]]:
        """What the target is sent."""
        told = {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-amzn-trace-id"}
        sent = [(n, v) for n, values in asked.headers.items() if n not in HOP_BY_HOP | told for v in values]
        peer = self._writer.get_extra_info("peername")[0]
        ids = self._ids
        fresh = f"1-{int(wall_now().timestamp()):08x}-{ids.hexadecimal(24)}"
        given = ";".join(asked.headers.get("x-amzn-trace-id", ()))
        sent += [
            ("x-forwarded-for", ", ".join([*asked.headers.get("x-forwarded-for", ()), peer])),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-port", str(self._listener.spec.port)),
            ("x-amzn-trace-id", trace(given, fresh)),
        ]
        if "chunked" in ",".join(asked.headers.get("transfer-encoding", ())).lower():
            sent.append(("transfer-encoding", "chunked"))
        upgrade = asked.headers.get("upgrade", [""])[0]
        if upgrade.lower() == "websocket":
            return [*sent, ("connection", "upgrade"), ("upgrade", upgrade)]
        return [*sent, ("connection", "close")]

    # -- own answers -----------------------------------------------------------------------------------------------

    async def _own(
        self,
        status: int,
        content_type: str = "text/html",
        body: str | None = None,
        *,
        more: list[tuple[str, str]] | None = None,
    ) -> None:
        """An answer of the load balancer, once the request's body is out of the way."""
        with contextlib.suppress(h11.RemoteProtocolError, TimeoutError):
            # what is wrong with the body is no matter for the answer; the connection is closed after it
            async with asyncio.timeout(self.idle_timeout_seconds):
                while self._http.their_state is h11.SEND_BODY and not self._http.they_are_waiting_for_100_continue:
                    await self._next_event()
        self._count(status)
        await self._answer(status, content_type, page(status) if body is None else body, more or [])

    async def _answer(
        self, status: int, content_type: str, body: str, more: list[tuple[str, str]] | None = None
    ) -> None:
        data = body.encode()
        headers = [
            ("server", SERVER),
            ("date", format_datetime(wall_now(), usegmt=True)),
            ("content-type", content_type),
            *([] if status in _BODILESS else [("content-length", str(len(data)))]),
            *(more or []),
        ]
        await self.send(h11.Response(status_code=status, headers=headers))
        if data and self._method != "HEAD" and status not in _BODILESS:
            await self.send(h11.Data(data=data))
        await self.send(h11.EndOfMessage())

    def _count(self, status: int) -> None:
        self._listener.requests += 1
        self._listener.errors += status >= _FIRST_ERROR

    # -- for exchanges ---------------------------------------------------------------------------------------------

    def began(self, status: int) -> None:
        """A target's answer begins."""
        self._count(status)

    @property
    def idle_timeout_seconds(self) -> float:
        return self._listener.spec.idle_timeout_seconds

    @property
    def is_last(self) -> bool:
        """The connection is closed after this answer."""
        return not self._listener.is_open

    async def send(self, event: Any) -> None:
        """To the client."""
        data = self._http.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()

    async def next_body_event(self) -> Any:
        """Data or EndOfMessage of the request that is under way."""
        if self._http.they_are_waiting_for_100_continue:
            await self.send(h11.InformationalResponse(status_code=100, headers=[]))
        return await self._next_event()

    async def wait_for_end(self) -> None:
        """Returns when the client closes its connection; bytes of a next request are kept."""
        while data := await self._reader.read(CHUNK):
            self._http.receive_data(data)
            if len(self._http.trailing_data[0]) > _MOST_REQUEST_HEAD:
                await asyncio.Event().wait()
        raise ClientGone

    async def tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes) -> None:
        """Bytes both ways, until one side closes."""
        self._writer.write(first)
        writer.write(self._http.trailing_data[0])
        both = [asyncio.create_task(_copy(self._reader, writer)), asyncio.create_task(_copy(reader, self._writer))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _next_event(self) -> Any:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            self._http.receive_data(await self._reader.read(CHUNK))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
