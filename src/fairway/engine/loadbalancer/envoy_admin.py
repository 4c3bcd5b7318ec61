"""Speaks to Envoy's admin interface over its unix socket, and reads its counters."""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.loadbalancer.protocol import Endpoint, PoolStats

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_COUNTERS: Final = (
    r"^(fairway\..+|cluster\.[A-Za-z0-9-]+\.(upstream_cx_connect_fail|upstream_rq_pending_active)|"
    r"http\.[0-9a-f]{12}\.downstream_rq_(5xx|completed))$"
)
_OUTCOMES: Final = (
    r"^((listener_manager\.lds|cluster_manager\.cds|cluster\.[A-Za-z0-9-]+|http\.[0-9a-f]{12}\.rds\.[0-9a-f]{12})"
    r"\.update_(success|rejected|failure)|cluster_manager\.warming_clusters|listener_manager\.total_listeners_warming)$"
)
_ANSWERS: Final = re.compile(r"fairway\.(target|balancer)\.cluster\.([A-Za-z0-9-]+)\.code\.([0-9]+)")
_SECONDS: Final = re.compile(r"fairway\.seconds\.cluster\.([A-Za-z0-9-]+)<=(.+)")
_FAILED: Final = re.compile(r"cluster\.([A-Za-z0-9-]+)\.upstream_cx_connect_fail")
_PENDING: Final = re.compile(r"cluster\.([A-Za-z0-9-]+)\.upstream_rq_pending_active")
_NO_HEALTHY: Final = "503"
_OWN: Final = frozenset({"502", "503", "504"})
_TIMEOUT_SECONDS: Final = 5.0
_LONGEST_SOCKET_PATH: Final = 107


class AdminUnavailable(OSError):
    """Envoy's admin interface does not answer."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Counters by Envoy's names (a bucket of a histogram as `name<=bound in seconds`), and gauges by cluster."""

    counters: Mapping[str, int]
    pending: Mapping[str, int]


@contextmanager
def _short(socket: Path) -> Iterator[str]:
    """A path to a socket that fits into its address, which has room for 107 bytes."""
    path = str(socket)
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        yield path
        return
    folder = os.open(socket.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{socket.name}"
    finally:
        os.close(folder)


async def request(socket: Path, path: str, *, method: str = "GET") -> bytes:
    """The body of an admin answer.

    Raises:
        AdminUnavailable: nothing answers, or not with 200.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            with _short(socket) as address:
                reader, writer = await asyncio.open_unix_connection(address)
            try:
                head = f"{method} {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                writer.write(head.encode())
                answer = await reader.read()
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        raise AdminUnavailable(f"the load balancer's admin socket does not answer: {error}") from None
    head_bytes, _, body = answer.partition(b"\r\n\r\n")
    status = head_bytes.split(b" ", 2)[1:2]
    if status != [b"200"]:
        raise AdminUnavailable(f"the load balancer's admin interface answered {status!r} to {path}")
    return _dechunk(body) if b"transfer-encoding: chunked" in head_bytes.lower() else body


def _dechunk(body: bytes) -> bytes:
    chunks = []
    position = 0
    while position < len(body):
        line_end = body.index(b"\r\n", position)
        length = int(body[position:line_end], 16)
        if length == 0:
            break
        chunks.append(body[line_end + 2 : line_end + 2 + length])
        position = line_end + 2 + length + 2
    return b"".join(chunks)


async def _document(socket: Path, path: str) -> dict[str, Any]:
    body = await request(socket, path)
    try:
        document: dict[str, Any] = json.loads(body)
    except ValueError:
        raise AdminUnavailable("the load balancer's admin interface broke off in the middle of an answer") from None
    return document


async def server_info(socket: Path) -> dict[str, Any]:
    """State, uptime and command line."""
    return await _document(socket, "/server_info")


async def open_ports(socket: Path) -> frozenset[int]:
    """The ports on which Envoy listens."""
    document = await _document(socket, "/listeners?format=json")
    statuses = document.get("listener_statuses", ())
    return frozenset(status["local_address"]["socket_address"]["port_value"] for status in statuses)


async def outcomes(socket: Path) -> dict[str, int]:
    """How often each file was taken in or refused, and what is still being prepared."""
    document = await _document(socket, f"/stats?format=json&filter={_quote(_OUTCOMES)}")
    return {item["name"]: item["value"] for item in document["stats"]}


async def counters(socket: Path) -> Readings:
    """All counters that we use."""
    await request(socket, "/stats?filter=^$")  # each query makes Envoy merge its histograms, for the next query
    document = await _document(socket, f"/stats?format=json&histogram_buckets=disjoint&filter={_quote(_COUNTERS)}")
    found: dict[str, int] = {}
    pending: dict[str, int] = {}
    for item in document["stats"]:
        if "histograms" in item:
            for histogram in item["histograms"]:
                for bucket in histogram["buckets"]:
                    found[f"{histogram['name']}<={_seconds(bucket['upper_bound'])}"] = int(bucket["cumulative"])
        elif waiting := _PENDING.fullmatch(item["name"]):
            pending[waiting[1]] = item["value"]
        else:
            found[item["name"]] = item["value"]
    return Readings(found, pending)


def _seconds(bound: float | str) -> float:
    return math.inf if isinstance(bound, str) else bound / 1_000_000


def _quote(expression: str) -> str:
    return expression.replace("|", "%7C").replace("+", "%2B").replace("{", "%7B").replace("}", "%7D")


async def active_requests(socket: Path) -> dict[str, dict[Endpoint, int]]:
    """Requests under way at each endpoint that Envoy knows, by cluster."""
    document = await _document(socket, "/clusters?format=json")
    found: dict[str, dict[Endpoint, int]] = {}
    for cluster in document.get("cluster_statuses", ()):
        hosts: dict[Endpoint, int] = {}
        for host in cluster.get("host_statuses", ()):
            address = host["address"]["socket_address"]
            active = next((int(s.get("value", 0)) for s in host.get("stats", ()) if s["name"] == "rq_active"), 0)
            hosts[Endpoint(address["address"], address["port_value"])] = active
        found[cluster["name"]] = hosts
    return found


def pool_stats(
    counts: Mapping[str, int],
    active: Mapping[str, Mapping[Endpoint, int]] | None = None,
    pending: Mapping[str, int] | None = None,
) -> dict[str, PoolStats]:
    """The counts of each pool, answers by targets apart from those by the balancer.

    A status that the balancer does not make itself was a target's, whose answer then broke off.
    """
    keys = set(active or ())
    totals: dict[str, Counter[str]] = {}
    latency: dict[str, dict[float, int]] = {}
    for name, value in counts.items():
        if answers := _ANSWERS.fullmatch(name):
            totals.setdefault(answers[2], Counter()).update(_classify(answers[1], answers[3], value))
        elif bucket := _SECONDS.fullmatch(name):
            latency.setdefault(bucket[1], {})[float(bucket[2])] = value
        elif failed := _FAILED.fullmatch(name):
            totals.setdefault(failed[1], Counter())["connection_errors"] += value
    return {
        key: PoolStats(
            **totals.get(key, Counter()),
            latency_buckets=dict(sorted(latency.get(key, {}).items())),
            active_requests=dict((active or {}).get(key, {})),
            pending_requests=(pending or {}).get(key, 0),
        )
        for key in keys | totals.keys()
    }


def _classify(maker: str, code: str, count: int) -> dict[str, int]:
    """The fields of PoolStats in which answers are counted."""
    if code.startswith("1"):  # a connection that turned into a websocket, and is over now
        return {"requests": count}
    if maker == "target":
        return {f"target_{code[0]}xx": count, "requests": count}
    if code in _OWN:
        return {f"balancer_{code}": count, "requests": 0 if code == _NO_HEALTHY else count}
    if code == "0":
        return {"client_closed": count, "requests": count}
    return {f"target_{code[0]}xx": count, "broken_off": count, "requests": count}
