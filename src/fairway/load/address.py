"""Where requests are sent to: an address of this machine and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from fairway.errors import UsageError

LOOPBACK: Final = "127.0.0.1"
_HIGHEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """A port of 127.0.0.1."""

    port: int
    path: str = "/"
    """What stood behind the port."""

    def __str__(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"


def read_address(text: str) -> Address:
    """`http://127.0.0.1:8080`, `127.0.0.1:8080/health`.

    Raises:
        UsageError: it is not on this machine, or no such address.
    """
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        port = parts.port
    except ValueError:
        port = _HIGHEST_PORT + 1
    if parts.scheme != "http":
        raise UsageError(f"{text}: only http is supported", hint="the local load balancer has no certificates yet")
    if parts.hostname != LOOPBACK:
        raise UsageError(
            f"{text}: requests are sent to {LOOPBACK} alone, so that nobody loads somebody else's system by mistake",
            hint=f"write http://{LOOPBACK}:PORT, or leave it out for the local load balancer",
        )
    if port is None or not 0 < port <= _HIGHEST_PORT:
        raise UsageError(f"{text}: the port is missing or out of range", hint=f"write http://{LOOPBACK}:PORT")
    return Address(port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
