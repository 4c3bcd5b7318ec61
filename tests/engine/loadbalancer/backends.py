"""Targets that do as a request's path says, a small client that tells everything about an answer, and free ports."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.ports import free_port

from fairway.engine.loadbalancer.protocol import Endpoint

HOST = "127.0.0.1"


class Backend:
    """A keep-alive HTTP/1.1 server.

    /status/N   answers with N          /slow/S     answers after S seconds (or when `release` is set)
    /reset      closes without a word   /garbage    answers no HTTP
    /cut        breaks off in a body    /close      answers, and closes the connection
    /chunked    answers in chunks       /upgrade    turns into an echo of bytes
    else        answers with what it was sent, as JSON
    """

    def __init__(self, name: str = "backend", port: int = 0) -> None:
        self.name = name
        self.port = port or free_port()
        self.requests = 0
        self.active = 0
        self.release = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(HOST, self.port)

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, HOST, self.port, backlog=512)
        return self

    async def __aexit__(self, *_):
        await self.stop()

    async def stop(self) -> None:
        """As a server does at SIGTERM: no new connections, requests under way are finished, idle connections are closed."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        while self.active:  # noqa: ASYNC110 - the requests that are under way have no event
            await asyncio.sleep(0.005)
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader, writer) -> None:
        self._writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _one(self, reader, writer) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        self.active += 1
        try:
            line, *fields = head.decode("latin-1").split("\r\n")[:-2]
            method, target, _ = line.split(" ")
            headers = [(name.lower(), value.strip()) for name, _, value in (f.partition(":") for f in fields)]
            body = await _body(reader, dict(headers))
            return await self._answer(reader, writer, method, target, headers, body)
        finally:
            self.active -= 1

    async def _answer(self, reader, writer, method, target, headers, body) -> bool:
        parts = urlsplit(target)
        match parts.path.split("/")[1:]:
            case ["status", code]:
                writer.write(_answer(int(code), b"" if code in {"204", "304"} else b"as asked"))
            case ["slow", seconds]:
                try:
                    async with asyncio.timeout(float(seconds)):
                        await self.release.wait()
                except TimeoutError:
                    pass
                writer.write(_answer(200, self.name.encode()))
            case ["reset"]:
                return False
            case ["garbage"]:
                writer.write(b"this is no HTTP\r\n\r\n")
                await writer.drain()
                return False
            case ["cut"]:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
                await writer.drain()
                await asyncio.sleep(0.05)
                return False
            case ["close"]:
                writer.write(_answer(200, self.name.encode(), b"Connection: close\r\n"))
                return False
            case ["chunked"]:
                writer.write(
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Name: " + self.name.encode() + b"\r\n\r\n"
                )
                for piece in (b"one", b"two", b"three" * 1000):
                    writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.005)
                writer.write(b"0\r\n\r\n")
            case ["upgrade"]:
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                while data := await reader.read(1000):
                    writer.write(data.upper())
                return False
            case ["big", size]:
                writer.write(_answer(200, b"x" * int(size)))
            case _:
                told = {
                    "name": self.name, "method": method, "target": target, "query": parse_qs(parts.query),
                    "headers": headers, "body": body.decode("latin-1")[:200], "length": len(body),
                }  # fmt: skip
                writer.write(_answer(200, b"" if method == "HEAD" else json.dumps(told).encode()))
        await writer.drain()
        return True


def _answer(status: int, body: bytes, more: bytes = b"") -> bytes:
    length = b"" if status in {204, 304} else b"Content-Length: %d\r\n" % len(body)
    return b"HTTP/1.1 %d Said\r\nServer: target\r\n%s%s\r\n%s" % (status, length, more, body)


async def _body(reader, headers) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        pieces = []
        while size := int(await reader.readline(), 16):
            pieces.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(pieces)
    body: bytes = await reader.readexactly(int(headers.get("content-length", "0")))
    return body


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool = True
    """The body has the length that was promised."""

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def backend(self) -> str:
        return str(self.json["name"])

    def sent(self, name: str) -> list[str]:
        """What the target was sent under a header's name."""
        return [value for key, value in self.json["headers"] if key == name]


@dataclass
class Client:
    """One keep-alive connection, opened at the first request and again when the other side closed it."""

    port: int
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, init=False)

    async def get(self, path: str = "/", **kwargs) -> Answer:
        return await self.send("GET", path, **kwargs)

    async def send(self, method: str, path: str, *, headers=(), body: bytes = b"", chunked=False) -> Answer:
        given = dict(headers)
        lines = [f"{method} {path} HTTP/1.1", f"Host: {given.pop('Host', f'{HOST}:{self.port}')}"]
        lines += [f"{name}: {value}" for name, value in given.items()]
        if chunked:
            lines.append("Transfer-Encoding: chunked")
            half = len(body) // 2
            body = b"".join(b"%x\r\n%s\r\n" % (len(b), b) for b in (body[:half], body[half:]) if b) + b"0\r\n\r\n"
        elif body or method in {"POST", "PUT"}:
            lines.append(f"Content-Length: {len(body)}")
        return await self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body, method=method)

    async def raw(self, data: bytes, *, method: str = "GET") -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self.port, limit=1 << 20)
        reader, writer = self._streams
        writer.write(data)
        answer, alive = await _read_answer(reader, method)
        if not alive:
            await self.close()
        return answer

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _read_answer(reader, method: str) -> tuple[Answer, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    if method == "HEAD" or status in {204, 304}:
        return Answer(status, headers, b""), True
    try:
        if "content-length" in headers or headers.get("transfer-encoding"):
            body, whole = await _body(reader, headers), True
        else:
            return Answer(status, headers, await reader.read()), False
    except asyncio.IncompleteReadError as error:
        body, whole = error.partial, False
    return Answer(status, headers, body, whole), whole and headers.get("connection", "").lower() != "close"


async def once(port: int, path: str = "/", method: str = "GET", **kwargs) -> Answer:
    """An answer over a connection of its own."""
    client = Client(port)
    try:
        return await client.send(method, path, **kwargs)
    finally:
        await client.close()
