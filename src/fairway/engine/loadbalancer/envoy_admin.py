"""Speaks to Envoy's admin interface over its unix socket, and reads its counters."""

from __future__ import annotations

import asyncio
import json
import math
import re
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.loadbalancer.protocol import Endpoint, PoolStats

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_COUNTERS: Final = (
    r"^(cluster\.[A-Za-z0-9-]+\.(upstream_rq_([1-5]xx|503|completed|total|time|timeout)|"
    r"upstream_cx_(connect_fail|none_healthy))|http\.[0-9a-f]{12}\.downstream_rq_(5xx|completed)|"
    r"(listener_manager\.lds|cluster_manager\.cds|cluster\.[A-Za-z0-9-]+|http\.[0-9a-f]{12}\.rds\.[0-9a-f]{12})\.update_(success|rejected|failure))$"
)
_NAME: Final = re.compile(r"cluster\.([A-Za-z0-9-]+)\.(.+)")
_TIMEOUT_SECONDS: Final = 5.0


class AdminUnavailable(OSError):
    """Envoy's admin interface does not answer."""


async def request(socket: Path, path: str, *, method: str = "GET") -> bytes:
    """The body of an admin answer.

    Raises:
        AdminUnavailable: nothing answers, or not with 200.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_unix_connection(str(socket))
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
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        if length == 0:
            break
        chunks.append(rest[:length])
        body = rest[length + 2 :]
    return b"".join(chunks)


async def server_info(socket: Path) -> dict[str, Any]:
    """State, uptime and command line."""
    document: dict[str, Any] = json.loads(await request(socket, "/server_info"))
    return document


async def counters(socket: Path) -> tuple[dict[str, int], dict[str, dict[float, int]]]:
    """All counters that we use, and for each cluster the latency histogram: bound in seconds -> count of that bucket."""
    query = f"/stats?format=json&histogram_buckets=disjoint&filter={_COUNTERS}".replace("|", "%7C").replace("+", "%2B")
    document = json.loads(await request(socket, query))
    values: dict[str, int] = {}
    histograms: dict[str, dict[float, int]] = {}
    for item in document["stats"]:
        if "histograms" in item:
            for histogram in item["histograms"]:
                match = _NAME.fullmatch(histogram["name"])
                if match is not None:
                    histograms[match[1]] = _buckets(histogram["buckets"])
        else:
            values[item["name"]] = item["value"]
    return values, histograms


def _buckets(buckets: Iterable[Mapping[str, Any]]) -> dict[float, int]:
    found: dict[float, int] = {}
    for bucket in buckets:
        bound = bucket["upper_bound"]
        seconds = math.inf if bound in {"Infinity", "inf"} else float(bound) / 1000
        found[seconds] = int(bucket["cumulative"])
    return found


async def active_requests(socket: Path) -> dict[str, dict[Endpoint, int]]:
    """Requests under way at each endpoint that Envoy knows, by cluster."""
    document = json.loads(await request(socket, "/clusters?format=json"))
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
    key: str, values: Mapping[str, int], histogram: Mapping[float, int], active: Mapping[Endpoint, int]
) -> PoolStats:
    """A pool's counts, errors by targets apart from those by the balancer.

    Envoy counts its own errors among the 5xx, before they are worded as ALB's. Answers by targets are those that the
    latency histogram counted; the rest of `completed` was made by Envoy (tried, with retries off).
    """

    def value(name: str) -> int:
        return values.get(f"cluster.{key}.{name}", 0)

    completed, answered = value("upstream_rq_completed"), sum(histogram.values())
    own = max(0, completed - answered)
    timeouts = min(own, value("upstream_rq_timeout"))
    without_target = min(own - timeouts, value("upstream_cx_none_healthy"))
    return PoolStats(
        requests=value("upstream_rq_total"),
        target_2xx=value("upstream_rq_2xx"),
        target_3xx=value("upstream_rq_3xx"),
        target_4xx=value("upstream_rq_4xx"),
        target_5xx=max(0, value("upstream_rq_5xx") - own),
        balancer_502=own - timeouts - without_target,
        balancer_503=without_target,
        balancer_504=timeouts,
        connection_errors=value("upstream_cx_connect_fail"),
        latency_buckets=dict(histogram),
        active_requests=dict(active),
    )
