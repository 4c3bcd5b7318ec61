"""The data plane by Envoy: configuration by files that are renamed into place.

Order matters: what is referred to must exist before what refers to it. When something is added, endpoints come before
clusters, clusters before routes, routes before listeners; when something is removed, the other way round.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from fairway.clock import monotonic
from fairway.engine.loadbalancer import envoy_documents as documents
from fairway.engine.loadbalancer.envoy_admin import AdminUnavailable, active_requests, counters, pool_stats, request
from fairway.engine.loadbalancer.envoy_process import EnvoyProcess
from fairway.engine.loadbalancer.protocol import Configuration, DataPlaneRefusal, Stats

if TYPE_CHECKING:
    from pathlib import Path

MOST_POOLS: Final = 100
"""Each pool is a watched file, and each watch an inotify instance, of which a user has 128 by default."""
_EFFECT_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.004


class EnvoyDataPlane:
    """One Envoy over one folder."""

    def __init__(self, folder: Path, *, binary: Path | None = None) -> None:
        self._folder = folder.absolute()
        self._process = EnvoyProcess(self._folder, binary)
        self._written: dict[str, str] = {}
        self._version = 0
        self._applied: Configuration | None = None
        self._generation = 0

    async def open(self) -> None:
        """Adopt the Envoy that an engine before us left, with what it serves."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if await self._process.adopt():
            for path in self._folder.glob("*.json"):
                document = json.loads(path.read_text())
                self._version = max(self._version, int(document.get("version_info", 0)))
                if "resources" in document:
                    self._written[path.name] = json.dumps(document["resources"])
            self._generation = self._process.pid() or 0

    async def apply(self, configuration: Configuration) -> None:
        """Make it so; returns when new requests see it."""
        if len(configuration.pools) > MOST_POOLS:
            raise DataPlaneRefusal(
                f"{len(configuration.pools)} target groups are in use, and this load balancer carries at most {MOST_POOLS}"
            )
        if self._process.pid() is None:
            if not configuration.listeners:
                self._applied = configuration
                return
            await self._start(configuration)
            return
        await self._write_all(configuration)
        self._applied = configuration

    async def stats(self) -> Stats:
        """All counters now."""
        if self._process.pid() is None:
            if self._applied is not None and self._applied.listeners:
                raise DataPlaneRefusal("Envoy has ended")
            return Stats(generation="", pools={})
        values, histograms = await counters(self._process.socket)
        active = await active_requests(self._process.socket)
        keys = active.keys() | histograms.keys()
        specs = () if self._applied is None else self._applied.listeners
        return Stats(
            generation=str(self._generation),
            pools={key: pool_stats(key, values, histograms.get(key, {}), active.get(key, {})) for key in keys},
            listener_requests={s.key: values.get(f"http.{s.key}.downstream_rq_completed", 0) for s in specs},
            listener_5xx={s.key: values.get(f"http.{s.key}.downstream_rq_5xx", 0) for s in specs},
        )

    def pid(self) -> int | None:
        """Envoy's process id while it runs."""
        return self._process.pid()

    async def close(self, *, leave_running: bool) -> None:
        """Let go of it, or let it drain and end."""
        if not leave_running:
            await self._process.drain()

    # -- inside ----------------------------------------------------------------------------------------------------

    async def _start(self, configuration: Configuration) -> None:
        """Write everything first, so that Envoy begins with all of it."""
        self._written.clear()
        for path in self._folder.glob("*.json"):
            path.unlink()
        bootstrap = self._folder / "bootstrap.json"
        bootstrap.write_text(json.dumps(documents.bootstrap(self._folder)))
        for pool in configuration.pools:
            self._write(f"endpoints-{pool.key}.json", [documents.endpoints(pool)])
        self._write("clusters.json", documents.clusters(configuration.pools, self._folder))
        for spec in configuration.listeners:
            self._write(f"routes-{spec.key}.json", [documents.route_configuration(spec)])
        self._write("listeners.json", documents.listeners(configuration, self._folder))
        await self._process.start(bootstrap)
        self._generation = self._process.pid() or 0
        self._applied = configuration
        await self._check_listeners(configuration)

    async def _write_all(self, configuration: Configuration) -> None:
        before = await self._outcomes()
        expected: list[str] = []
        fresh = {p.key for p in configuration.pools} - self._known("endpoints-")
        changed = [p for p in configuration.pools if self._write(f"endpoints-{p.key}.json", [documents.endpoints(p)])]
        expected.extend(f"cluster.{pool.key}" for pool in changed if pool.key not in fresh)
        stale = self._known("endpoints-") - {p.key for p in configuration.pools}
        living = [*configuration.pools]
        if fresh or not stale:
            kept = [p for p in (self._applied.pools if self._applied else ()) if p.key in stale]
            if self._write("clusters.json", documents.clusters([*living, *kept], self._folder)):
                expected.append("cluster_manager.cds")
                await self._settle(before, expected)
        known_routes = self._known("routes-")
        rewritten = [
            s
            for s in configuration.listeners
            if self._write(f"routes-{s.key}.json", [documents.route_configuration(s)])
        ]
        expected.extend(f"http.{spec.key}.rds.{spec.key}" for spec in rewritten if spec.key in known_routes)
        listeners_changed = self._write("listeners.json", documents.listeners(configuration, self._folder))
        if listeners_changed:
            expected.append("listener_manager.lds")
        await self._settle(before, expected)
        if stale:
            second = await self._outcomes()
            if self._write("clusters.json", documents.clusters(living, self._folder)):
                await self._settle(second, ["cluster_manager.cds"])
        self._remove("endpoints-", {p.key for p in configuration.pools})
        self._remove("routes-", {s.key for s in configuration.listeners})
        if listeners_changed:
            await self._check_listeners(configuration)

    def _known(self, prefix: str) -> set[str]:
        return {name.removeprefix(prefix).removesuffix(".json") for name in self._written if name.startswith(prefix)}

    def _remove(self, prefix: str, wanted: set[str]) -> None:
        for key in self._known(prefix) - wanted:
            name = f"{prefix}{key}.json"
            del self._written[name]
            (self._folder / name).unlink(missing_ok=True)

    def _write(self, name: str, resources: list[dict[str, Any]]) -> bool:
        """Rename a new document into place, if it differs from the last one; whether it did."""
        text = json.dumps(resources)
        if self._written.get(name) == text:
            return False
        self._version += 1
        temporary = self._folder / f".{name}.new"
        temporary.write_text(json.dumps({"version_info": str(self._version), "resources": resources}))
        temporary.rename(self._folder / name)
        self._written[name] = text
        return True

    async def _outcomes(self) -> dict[str, int]:
        values, _ = await counters(self._process.socket)
        return {name: value for name, value in values.items() if ".update_" in name}

    async def _settle(self, before: dict[str, int], subscriptions: list[str]) -> None:
        """Wait until Envoy has taken each changed document in, or refused it."""
        deadline = monotonic() + _EFFECT_SECONDS
        waiting = list(subscriptions)
        while waiting:
            now = await self._outcomes()
            for subscription in list(waiting):
                grown = {
                    kind: now.get(f"{subscription}.update_{kind}", 0) - before.get(f"{subscription}.update_{kind}", 0)
                    for kind in ("success", "rejected", "failure")
                }
                if grown["rejected"] or grown["failure"]:
                    raise DataPlaneRefusal(await self._refusal(subscription))
                if grown["success"]:
                    waiting.remove(subscription)
            if waiting and monotonic() > deadline:
                raise DataPlaneRefusal(f"Envoy did not take in {', '.join(waiting)} within {_EFFECT_SECONDS:.0f} s")
            if waiting:
                await asyncio.sleep(_POLL_SECONDS)

    async def _refusal(self, subscription: str) -> str:
        await asyncio.sleep(0.25)  # Envoy writes its log every 200 ms
        log = self._folder / "envoy.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        taken = next((line for line in reversed(lines) if "Address already in use" in line), None)
        if taken is not None:
            address = taken.partition("cannot bind '")[2].partition("'")[0]
            return (
                f"{address} is in use by another program: stop that one, or change the listener's port "
                "(aws elbv2 modify-listener --port)"
            )
        return f"Envoy refused {subscription}: {lines[-1][-300:] if lines else 'its log is empty'}"

    async def _check_listeners(self, configuration: Configuration) -> None:
        """Make sure that each listener listens: at the start a taken port is only a line in the log."""
        try:
            text = (await request(self._process.socket, "/listeners?format=json")).decode()
        except AdminUnavailable as error:
            raise DataPlaneRefusal(str(error)) from None
        active = {
            status["local_address"]["socket_address"]["port_value"]
            for status in json.loads(text).get("listener_statuses", ())
        }
        missing = [spec.port for spec in configuration.listeners if spec.port not in active]
        if missing:
            raise DataPlaneRefusal(await self._refusal(f"the listener on port {missing[0]}"))
