"""One request on a connection of its own: TLS verified, no redirect followed, an end to its time and to its answer's size.

EndpointError
├── Unreachable     no connection: from here it cannot be checked
└── NoAnswer        a connection, and then no whole HTTP answer: TLS, time-out, cut off, no HTTP
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from fairway.clock import monotonic
from fairway.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from urllib.parse import SplitResult

TIMEOUT_SECONDS: Final = 10.0
"""For the connection, and again for the whole answer."""
LARGEST_BODY: Final = 1024 * 1024
_CHUNK: Final = 64 * 1024
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_PORTS: Final = {"http": 80, "https": 443}
_REDIRECTS: Final = range(300, 400)


class EndpointError(Exception):
    """A request came to no answer; the text holds nothing that was sent or received."""


class Unreachable(EndpointError):
    """There is no connection to the endpoint from here."""


class NoAnswer(EndpointError):
    """The endpoint is there, and gave no whole answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request."""

    url: str
    """Where the service is: scheme, host, port, and what stands before each path."""
    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer."""

    status: int
    seconds: float
    """From the request to the last byte of the answer; the connection is not counted: it depends on where one asks from."""
    body: bytes = b""
    is_cut: bool = False
    """It is larger than the megabyte that was read."""
    redirected_to: str = ""
    """Scheme and host of another place that it names; the rest may hold what nobody should read."""


def ask(question: Question, *, timeout: float = TIMEOUT_SECONDS) -> Answer:
    """Send a request on a new connection, and read the answer.

    Raises:
        Unreachable: no connection.
        NoAnswer: the certificate is not valid, time is over, the answer is cut off or no HTTP.
    """
    parts = urlsplit(question.url)
    proxy = _proxy(parts)
    with _connected(parts, proxy, timeout) as connection:
        sock = connection.sock
        assert sock is not None
        over = threading.Event()
        watchdog = threading.Timer(timeout, _end, (sock, over))
        watchdog.daemon = True
        watchdog.start()
        try:
            answer = _exchange(connection, question, parts, absolute=proxy is not None and parts.scheme == "http")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NoAnswer(_why(error, timeout, is_over=over.is_set())) from None
        finally:
            watchdog.cancel()
        if over.is_set():
            # what ended with the connection looks whole when nobody had said how long it would be
            raise NoAnswer(f"no whole answer within {timeout:g} s")
        return answer


def _exchange(
    connection: http.client.HTTPConnection, question: Question, parts: SplitResult, *, absolute: bool
) -> Answer:
    path = f"{parts.path}{question.path}"
    headers = {"Host": parts.netloc, "User-Agent": f"fairway/{VERSION}", "Accept": "*/*", "Connection": "close"}
    began = monotonic()
    connection.request(
        question.method,
        f"{parts.scheme}://{parts.netloc}{path}" if absolute else path,
        body=question.body,
        headers=headers | dict(question.headers),
    )
    response = connection.getresponse()
    body = b""
    while len(body) <= LARGEST_BODY:
        chunk = response.read(_CHUNK)
        if not chunk:
            break
        body += chunk
    else:
        chunk = b"more"
    if not chunk and response.length:
        raise http.client.IncompleteRead(b"", response.length)
    location = response.getheader("Location", "") if response.status in _REDIRECTS else ""
    return Answer(
        response.status,
        monotonic() - began,
        body[:LARGEST_BODY],
        is_cut=len(body) > LARGEST_BODY,
        redirected_to=_place_of(location, question.url),
    )


def _place_of(location: str, url: str) -> str:
    if not location:
        return ""
    try:
        parts = urlsplit(location)
        host = f"{parts.scheme}://{parts.hostname}" if parts.hostname else ""
    except ValueError:
        return "somewhere that is no address"
    return host or f"{urlsplit(url).scheme}://{urlsplit(url).hostname}"


def _end(sock: socket.socket, over: threading.Event) -> None:
    """Time is over: whoever reads from the socket wakes up."""
    over.set()
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _why(error: Exception, timeout: float, *, is_over: bool) -> str:
    if is_over or isinstance(error, TimeoutError):
        return f"no whole answer within {timeout:g} s"
    match error:
        case http.client.RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            return "the connection was closed without an answer"
        case http.client.IncompleteRead():
            return "the answer was cut off"
        case ValueError() | http.client.InvalidURL():
            return "the request has a header or a path that cannot be sent"
        case http.client.HTTPException():
            return "what came is no HTTP answer"
        case _:
            return f"the connection broke: {type(error).__name__}"


# -- connections -----------------------------------------------------------------------------------------------------------


@contextmanager
def _connected(parts: SplitResult, proxy: SplitResult | None, timeout: float) -> Iterator[http.client.HTTPConnection]:
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    via = proxy or parts
    connection = http.client.HTTPConnection(
        via.hostname or "", via.port or _PORTS[via.scheme or "http"], timeout=timeout
    )
    try:
        if proxy is not None and parts.scheme == "https":
            connection.set_tunnel(host, port, headers=dict(_proxy_headers(proxy)))
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{host}:{port} {_unreachable(error)}") from None
        if parts.scheme == "https":
            _secure(connection, host)
        yield connection
    finally:
        connection.close()


def _secure(connection: http.client.HTTPConnection, host: str) -> None:
    assert connection.sock is not None
    try:
        connection.sock = _tls().wrap_socket(connection.sock, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise NoAnswer(f"the certificate of {host} is not valid: {error.verify_message}") from None
    except TimeoutError:
        raise NoAnswer(f"no TLS connection to {host} in time") from None
    except OSError as error:
        raise NoAnswer(
            f"no TLS connection to {host}: {getattr(error, 'reason', None) or type(error).__name__}"
        ) from None


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _unreachable(error: Exception) -> str:
    match error:
        case socket.gaierror():
            return "is not known here"
        case ConnectionRefusedError():
            return "refuses connections"
        case TimeoutError():
            return "cannot be reached in time"
        case _:
            return "cannot be reached"


def _proxy(parts: SplitResult) -> SplitResult | None:
    """The proxy that the environment names for such an address; never for this machine."""
    host = parts.hostname or ""
    if host in _LOOPBACK or host.startswith("127.") or urllib.request.proxy_bypass(host):
        return None
    named = urllib.request.getproxies().get(parts.scheme)
    return urlsplit(named if "://" in named else f"http://{named}") if named else None


def _proxy_headers(proxy: SplitResult) -> Mapping[str, str]:
    if proxy.username is None:
        return {}
    import base64  # noqa: PLC0415 - only for a proxy with a password

    words = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(words.encode()).decode()}"}
