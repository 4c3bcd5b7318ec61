"""The outermost layer of the API: each request passes here, and health checks end here.

It is plain ASGI, since `/health` and `/version` are asked for hundreds of times a second: they cost no routing, no
validation and no line in the log. Here requests get their id, are counted, and misbehave when the fault switches say so.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import time
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog
from starlette.exceptions import HTTPException

from taskmanager.logs import request_id
from taskmanager.problem_answers import internal_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from taskmanager.faults import Faults
    from taskmanager.metrics import RequestMetrics

PROBES: Final = frozenset({"/health", "/ready", "/metrics"})
"""Asked by machines about this process: not counted, not disturbed by faults, not logged."""
QUIET: Final = PROBES | {"/version"}
_LARGEST_BODY: Final = 1_000_000
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")

log = structlog.stdlib.get_logger("taskmanager.requests")


class Lifetime:
    """Since when the process serves, and whether it is to stop."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.draining = False
        self.asked_at: float | None = None
        """While it drains: when the last request came. Health checks are none."""


class Edge:
    """Wraps the application of the API."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        service: str,
        version: str,
        faults: Faults,
        metrics: RequestMetrics,
        lifetime: Lifetime,
        is_ready: Callable[[], Awaitable[str | None]],
    ) -> None:
        self._app, self._faults, self._metrics, self._lifetime, self._is_ready = (
            app,
            faults,
            metrics,
            lifetime,
            is_ready,
        )
        self._version = orjson.dumps({"version": version, "service": service})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] in PROBES:
            await self._answer_probe(scope["path"], send)
        else:
            await self._serve(scope, receive, send)

    async def _answer_probe(self, path: str, send: Send) -> None:
        status, body, content_type = 200, b"", b"application/json"
        match path:
            case "/health":
                after = self._faults.unhealthy_after
                if after is not None and time.monotonic() - self._lifetime.started >= after:
                    status, body = 503, b'{"status":"unhealthy","reason":"unhealthy_after (TASKMANAGER_FAULTS)"}'
                else:
                    body = b'{"status":"ok"}'
            case "/ready":
                reason = "draining" if self._lifetime.draining else await self._is_ready()
                status = 200 if reason is None else 503
                body = orjson.dumps(
                    {"status": "ready"} if reason is None else {"status": "not ready", "reason": reason}
                )
            case _:
                body, content_type = self._metrics.text(), b"text/plain; version=0.0.4; charset=utf-8"
        await _send(self._closing(send), status, body, content_type)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, count and log one request; an exception that nobody caught becomes a problem with status 500."""
        began, path = time.perf_counter(), scope["path"]
        if self._lifetime.draining:
            self._lifetime.asked_at = time.monotonic()
        current = _id_of(scope)
        token = request_id.set(current)
        sender = _Sender(self._closing(send), current)
        try:
            await self._misbehave()
            if path == "/version":
                await _send(sender, 200, self._version, b"application/json")
            else:
                await self._app(scope, _limited(receive), sender)
        except Exception as error:  # the outermost layer: nobody else can answer
            log.exception("the request failed", method=scope["method"], path=path, error=type(error).__name__)
            if sender.status is None:
                await internal_error()(scope, receive, sender)
        finally:
            seconds = time.perf_counter() - began
            status = sender.status or 499  # the client went away before there was an answer
            self._metrics.observe(scope["method"], _route_of(scope), status, seconds)
            if path not in QUIET:
                log.info("request", method=scope["method"], path=path, status=status, ms=round(seconds * 1000, 1))
            request_id.reset(token)

    def _closing(self, send: Send) -> Send:
        """While draining, each answer closes its connection: the client's next request goes to another task."""
        if not self._lifetime.draining:
            return send

        async def send_and_close(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        return send_and_close

    async def _misbehave(self) -> None:
        if self._faults.latency_ms:
            await asyncio.sleep(self._faults.latency_ms / 1000)
        if self._faults.error_rate and random.random() < self._faults.error_rate:  # noqa: S311  # chance, no secret
            raise RuntimeError("error_rate: this request fails (TASKMANAGER_FAULTS)")


class _Sender:
    """Sends, notes the status, and adds the request's id."""

    __slots__ = ("_id", "_send", "status")

    def __init__(self, send: Send, current: str) -> None:
        self._send, self._id = send, current.encode()
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self._id)]
        await self._send(message)


async def _send(send: Any, status: int, body: bytes, content_type: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _id_of(scope: Scope) -> str:
    """The caller's X-Request-Id when it is harmless, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value).decode("ascii")
    return os.urandom(8).hex()


def _limited(receive: Receive) -> Receive:
    """Receives a body up to its limit, whatever size it says it has."""
    received = 0

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > _LARGEST_BODY:
            raise HTTPException(413, f"a body has at most {_LARGEST_BODY} bytes")
        return message

    return receive_some


def _route_of(scope: Scope) -> str:
    """The template of the route, such as `/projects/{project_id}`."""
    if scope["path"] == "/version":
        return "/version"
    return str(getattr(scope.get("route"), "path", "unmatched"))
