"""Stands between the tool and an engine, and answers some calls as AWS does on a bad day. The engine knows nothing of it.

It throttles one call in so many, holds each answer back, or refuses everything once a certain call was made.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import threading
import time
from typing import TYPE_CHECKING

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


def _answer(code: str, message: str) -> bytes:
    return json.dumps({"__type": code, "message": message}).encode()


THROTTLED = _answer("ThrottlingException", "Rate exceeded")
EXPIRED = _answer("ExpiredTokenException", "The security token included in the request is expired")
HOP_BY_HOP = {"transfer-encoding", "connection", "content-length"}


class Proxy(http.server.ThreadingHTTPServer):
    """Forwards to an engine; what it does to calls is set by its attributes."""

    daemon_threads = True

    def __init__(
        self,
        port: int,
        engine_port: int,
        *,
        throttle_each: int = 0,
        delay_seconds: float = 0.0,
        expires_after: str = "",
    ) -> None:
        super().__init__(("127.0.0.1", port), Forward)
        self.engine_port = engine_port
        self.throttle_each = throttle_each
        self.delay_seconds = delay_seconds
        self.expires_after = expires_after
        """Once this operation was answered, the credentials of whoever calls have ended."""
        self.lock = threading.Lock()
        self.calls: list[str] = []
        self.throttled = 0
        self.has_expired = False

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def refusal(self, target: str) -> bytes | None:
        """What this call is answered instead of being forwarded; None: it is forwarded. Calls without a target are counted only."""
        with self.lock:
            self.calls.append(target)
            if not target:
                return None
            if self.has_expired:
                return EXPIRED
            if self.throttle_each and len(self.calls) % self.throttle_each == 0:
                self.throttled += 1
                return THROTTLED
            return None

    def answered(self, target: str) -> None:
        """A call was forwarded and answered."""
        if target and target == self.expires_after:
            self.has_expired = True


class Forward(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_GET(self) -> None:
        self._forward("GET", None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amz-Target", "").rsplit(".", 1)[-1]
        refusal = self.server.refusal(target)
        if refusal is not None:
            self._send(400, [("Content-Type", "application/x-amz-json-1.1"), ("x-fairway-engine", "1")], refusal)
            return
        if self.server.delay_seconds:
            time.sleep(self.server.delay_seconds)
        self._forward("POST", body)
        self.server.answered(target)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def _forward(self, method: str, body: bytes | None) -> None:
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.engine_port, timeout=30)
        with contextlib.closing(upstream):
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            headers["Host"] = f"127.0.0.1:{self.server.engine_port}"
            upstream.request(method, self.path, body, headers)
            answer = upstream.getresponse()
            content = answer.read()
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
        self._send(answer.status, kept, content)

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextlib.contextmanager
def a_proxy(
    engine_port: int, *, throttle_each: int = 0, delay_seconds: float = 0.0, expires_after: str = ""
) -> Iterator[Proxy]:
    """A proxy before the engine on that port, for as long as the block lasts."""
    proxy = Proxy(
        free_port(), engine_port, throttle_each=throttle_each, delay_seconds=delay_seconds, expires_after=expires_after
    )
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
