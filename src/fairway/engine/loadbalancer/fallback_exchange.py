"""One request to one target and its answer, as the plain Python data plane carries them.

The request goes up while the answer may already come down; the idle time-out begins anew with whatever moves.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

import h11

from fairway.clock import monotonic

if TYPE_CHECKING:
    from fairway.engine.loadbalancer.fallback_state import PoolState
    from fairway.engine.loadbalancer.protocol import Endpoint

CONNECT_SECONDS: Final = 10.0
CHUNK: Final = 64 * 1024
HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"}
)
_MOST_ANSWER_HEAD: Final = 32 * 1024
_SWITCHING: Final = 101


class ClientGone(Exception):
    """The client closed its connection before it had its answer."""


class TargetFailed(Exception):
    """The target gave no answer; holds the status that the client gets."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class BrokenOff(Exception):
    """The answer ended in the middle: the client can only be told by closing."""


class Client(Protocol):
    """Whoever waits for the answer."""

    @property
    def idle_timeout_seconds(self) -> float: ...

    @property
    def is_last(self) -> bool:
        """The connection is closed after this answer."""

    def began(self, status: int) -> None:
        """A target's answer begins."""

    async def send(self, event: Any) -> None:
        """A part of the answer."""

    async def next_body_event(self) -> Any:
        """Data or EndOfMessage of the request that is under way."""

    async def wait_for_end(self) -> None:
        """Returns when the client closes its connection."""

    async def tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes) -> None:
        """Bytes both ways, until one side closes."""


class Exchange:
    """One request to one target, and its answer."""

    def __init__(self, client: Client, pool: PoolState, endpoint: Endpoint) -> None:
        self._client = client
        self._pool = pool
        self._endpoint = endpoint
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_ANSWER_HEAD)
        self._began = 0.0
        self._is_answering = False
        self._has_switched = False
        self._deadline: asyncio.Timeout | None = None

    async def carry(self, request: h11.Request, headers: list[tuple[str, str]]) -> None:
        """Send the request, pass the answer on.

        Raises:
            TargetFailed: nothing was answered yet.
            BrokenOff: something was.
            ClientGone: the client did not wait for it.
        """
        try:
            async with asyncio.timeout(self._client.idle_timeout_seconds) as self._deadline:
                reader, writer = await self._connect()
                try:
                    sent = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
                    await self._carry(
                        reader, writer, h11.Request(method=request.method, target=request.target, headers=sent)
                    )
                finally:
                    writer.close()
        except TimeoutError:
            raise (BrokenOff() if self._is_answering else TargetFailed(504)) from None

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await asyncio.open_connection(self._endpoint.host, self._endpoint.port)
        except TimeoutError:
            self._pool.counts["connection_errors"] += 1
            raise TargetFailed(504) from None
        except OSError:
            self._pool.counts["connection_errors"] += 1
            raise TargetFailed(502) from None

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: h11.Request) -> None:
        writer.write(self._http.send(request))
        self._began = monotonic()
        upload = asyncio.create_task(self._upload(writer))
        download = asyncio.create_task(self._download(reader))
        try:
            await asyncio.wait([upload, download], return_when=asyncio.FIRST_COMPLETED)
            if not download.done() and upload.exception() is not None:
                await upload
            await download
        finally:
            for task in (upload, download):
                task.cancel()
            await asyncio.gather(upload, download, return_exceptions=True)
        if self._has_switched:
            if self._deadline is not None:
                self._deadline.reschedule(None)
            await self._client.tunnel(reader, writer, self._http.trailing_data[0])

    async def _upload(self, writer: asyncio.StreamWriter) -> None:
        """The request's body; then wait for the client's end. A target that no longer reads may still answer."""
        deaf = False
        while True:
            try:
                event = await self._client.next_body_event()
            except h11.RemoteProtocolError:
                raise ClientGone from None
            if isinstance(event, h11.ConnectionClosed):
                raise ClientGone
            self._touch()
            if not deaf:
                try:
                    writer.write(self._http.send(event) or b"")
                    await writer.drain()
                except (OSError, h11.LocalProtocolError):
                    deaf = True
            if isinstance(event, h11.EndOfMessage):
                await self._client.wait_for_end()

    async def _download(self, reader: asyncio.StreamReader) -> None:
        try:
            while await self._pass_on(await self._next_event(reader)):
                pass
        except (h11.ProtocolError, ConnectionError) as error:
            raise (BrokenOff() if self._is_answering else TargetFailed(502)) from error

    async def _pass_on(self, event: Any) -> bool:
        """One event of the answer; whether more are to come."""
        match event:
            case h11.InformationalResponse() if event.status_code == _SWITCHING:
                self._pool.answered(event.status_code, monotonic() - self._began)
                self._client.began(event.status_code)
                await _to_client(self._client, event)
                self._is_answering = self._has_switched = True
                return False
            case h11.InformationalResponse():
                await _to_client(self._client, event)
            case h11.Response():
                self._is_answering = True
                self._pool.answered(event.status_code, monotonic() - self._began)
                self._client.began(event.status_code)
                await _to_client(self._client, self._cleaned(event))
            case h11.Data():
                await _to_client(self._client, event)
            case h11.EndOfMessage():
                await _to_client(self._client, h11.EndOfMessage())
                return False
            case _:
                raise ConnectionResetError
        return True

    def _cleaned(self, response: h11.Response) -> h11.Response:
        headers = [(n, v) for n, v in response.headers if n.decode("latin-1") not in HOP_BY_HOP]
        if self._client.is_last:
            headers.append((b"connection", b"close"))
        return h11.Response(status_code=response.status_code, headers=headers, reason=response.reason)

    async def _next_event(self, reader: asyncio.StreamReader) -> Any:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                self._touch()
                return event
            self._http.receive_data(await reader.read(CHUNK))

    def _touch(self) -> None:
        """Something moved: the idle time-out begins anew."""
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._client.idle_timeout_seconds)


async def _to_client(client: Client, event: Any) -> None:
    """Send to the client; its loss is not taken for the target's."""
    try:
        await client.send(event)
    except OSError:
        raise ClientGone from None
