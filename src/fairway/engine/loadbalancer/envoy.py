"""The data plane by Envoy: configuration by files that are renamed into place.

Order matters: what is referred to must exist before what refers to it. When something is added, endpoints come before
clusters, clusters before routes, routes before listeners; when something is removed, the other way round.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.clock import monotonic
from fairway.engine.loadbalancer import envoy_documents as documents
from fairway.engine.loadbalancer.envoy_admin import (
    AdminUnavailable,
    active_requests,
    counters,
    open_ports,
    outcomes,
    pool_stats,
)
from fairway.engine.loadbalancer.envoy_process import BOOTSTRAP_NAME, EnvoyProcess
from fairway.engine.loadbalancer.envoy_routes import route_configuration
from fairway.engine.loadbalancer.inotify import instances_left
from fairway.engine.loadbalancer.port_holder import can_listen, refusal
from fairway.engine.loadbalancer.protocol import Configuration, DataPlaneRefusal, Stats
from fairway.engine.loadbalancer.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fairway.engine.loadbalancer.protocol import ListenerSpec

MOST_POOLS: Final = 100
"""Each pool is a watched file, and each watch an inotify instance, of which a user has 128 by default."""
CLUSTERS: Final = "clusters.json"
LISTENERS: Final = "listeners.json"
TOTALS: Final = "totals"
_EFFECT_SECONDS: Final = 5.0
_LISTENER_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.002
_LOG_SECONDS: Final = 0.25
"""Envoy writes its log each 0.2 s."""
_WARMING: Final = ("cluster_manager.warming_clusters", "listener_manager.total_listeners_warming")


class EnvoyDataPlane:
    """One Envoy over one folder."""

    def __init__(self, folder: Path, *, binary: Path | None = None) -> None:
        self._folder = folder.absolute()
        self._process = EnvoyProcess(self._folder, binary)
        self._written: dict[str, list[dict[str, Any]]] = {}
        self._version = 0
        self._served: tuple[ListenerSpec, ...] = ()
        self._generation = ""
        self._totals = Totals()
        self._lost = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Adopt the Envoy that an engine before us left, with what it serves."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        with contextlib.suppress(OSError, ValueError, KeyError):  # none yet, or not readable: counts begin at zero
            self._totals = Totals.parse((self._folder / TOTALS).read_text())
        if await self._process.adopt():
            self._read_back()
            self._begin_watch()

    def _read_back(self) -> None:
        for path in self._folder.glob("*.json"):
            with contextlib.suppress(OSError, ValueError):
                document = json.loads(path.read_text())
                if "resources" in document:
                    self._version = max(self._version, int(document["version_info"]))
                    self._written[path.name] = document["resources"]

    async def apply(self, configuration: Configuration) -> Mapping[str, str]:
        """Make it so; returns when new requests see it."""
        if len(configuration.pools) > MOST_POOLS:
            raise DataPlaneRefusal(
                f"{len(configuration.pools)} target groups are in use, and this load balancer carries at most {MOST_POOLS}"
            )
        runs = self._process.identity is not None
        if not runs and not configuration.has_work:
            return {}
        try:
            taken = await self._taken_ports(configuration, runs=runs)
            possible = replace(configuration, listeners=tuple(s for s in configuration.listeners if s.key not in taken))
            await self._check_watches(possible, runs=runs)
            await (self._write_all(possible) if runs else self._start(possible))
            self._served = possible.listeners
            return taken | await self._missing(possible)
        except AdminUnavailable as error:
            raise DataPlaneRefusal(str(error)) from None
        except OSError as error:
            raise DataPlaneRefusal(f"the load balancer's files in {self._folder} cannot be written: {error}") from None

    async def stats(self) -> Stats:
        """All counters now."""
        if self._process.identity is None:
            if self._served:
                raise DataPlaneRefusal("Envoy has ended")
            return Stats(generation=self._totals.origin, pools=pool_stats(self._totals.counts))
        try:
            readings = await counters(self._process.socket)
            active = await active_requests(self._process.socket)
        except AdminUnavailable as error:
            raise DataPlaneRefusal(str(error)) from None
        if self._totals.add(self._generation, readings.counters):
            self._keep_totals()
        counts = self._totals.counts
        return Stats(
            generation=self._totals.origin,
            pools=pool_stats(counts, active, readings.pending),
            listener_requests={s.key: counts.get(f"http.{s.key}.downstream_rq_completed", 0) for s in self._served},
            listener_5xx={s.key: counts.get(f"http.{s.key}.downstream_rq_5xx", 0) for s in self._served},
        )

    async def lost(self) -> None:
        """Returns when Envoy ended though nobody asked it to."""
        await self._lost.wait()
        self._lost.clear()

    def pid(self) -> int | None:
        """Envoy's process id while it runs."""
        identity = self._process.identity
        return None if identity is None else identity.pid

    async def close(self, *, leave_running: bool) -> None:
        """Let go of it, or let it drain and end."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        with contextlib.suppress(DataPlaneRefusal):
            await self.stats()
        self._keep_totals()
        if not leave_running:
            await self._process.drain()

    def _keep_totals(self) -> None:
        with contextlib.suppress(OSError):  # a full disk costs the counts, not the traffic
            temporary = self._folder / f".{TOTALS}.new"
            temporary.write_text(self._totals.render())
            temporary.rename(self._folder / TOTALS)

    # -- the process -----------------------------------------------------------------------------------------------

    def _begin_watch(self) -> None:
        identity = self._process.identity
        self._generation = "" if identity is None else f"{identity.pid}-{identity.start_time}"
        if self._watch is not None:
            self._watch.cancel()
        self._watch = asyncio.create_task(self._process.ended(), name="envoy's end")
        self._watch.add_done_callback(lambda task: None if task.cancelled() else self._lost.set())

    async def _start(self, configuration: Configuration) -> None:
        """Write everything first, so that Envoy begins with all of it."""
        self._written.clear()
        for path in self._folder.glob("*.json"):
            path.unlink()
        (self._folder / BOOTSTRAP_NAME).write_text(json.dumps(documents.bootstrap(self._folder)))
        for pool in configuration.pools:
            self._write(f"endpoints-{pool.key}.json", [documents.endpoints(pool)])
        self._write(CLUSTERS, documents.clusters(configuration.pools, self._folder))
        for spec in configuration.listeners:
            self._write(f"routes-{spec.key}.json", [route_configuration(spec)])
        self._write(LISTENERS, documents.listeners(configuration, self._folder))
        await self._process.start()
        self._begin_watch()

    async def _taken_ports(self, configuration: Configuration, *, runs: bool) -> dict[str, str]:
        """The listeners whose port somebody else has, with who."""
        ours = await open_ports(self._process.socket) if runs else frozenset()
        return {
            spec.key: refusal(spec.port)
            for spec in configuration.listeners
            if spec.port not in ours and not can_listen(spec.port)
        }

    async def _check_watches(self, configuration: Configuration, *, runs: bool) -> None:
        """Envoy crashes when it cannot watch a file: ask first."""
        wanted = {f"endpoints-{p.key}.json" for p in configuration.pools}
        wanted |= {f"routes-{s.key}.json" for s in configuration.listeners} | {CLUSTERS, LISTENERS}
        fresh = len(wanted - self._written.keys()) if runs else len(wanted)
        if not fresh:
            return
        left = await asyncio.to_thread(instances_left)
        if left is not None and left < fresh:
            raise DataPlaneRefusal(
                f"Envoy needs {fresh} more inotify instances, and this user has {max(left, 0)} left: "
                "sysctl fs.inotify.max_user_instances=1024"
            )

    # -- the files -------------------------------------------------------------------------------------------------

    async def _write_all(self, configuration: Configuration) -> None:
        before = await outcomes(self._process.socket)
        known_routes, fresh = self._known("routes-"), {p.key for p in configuration.pools} - self._known("endpoints-")
        stale = self._known("endpoints-") - {p.key for p in configuration.pools}
        wanted = documents.clusters(configuration.pools, self._folder)
        kept = [document for document in self._written.get(CLUSTERS, ()) if document["name"] in stale]

        changed = [
            p.key for p in configuration.pools if self._write(f"endpoints-{p.key}.json", [documents.endpoints(p)])
        ]
        expected = {f"cluster.{key}": f"endpoints-{key}.json" for key in changed if key not in fresh}
        if self._write(CLUSTERS, [*wanted, *kept]):
            expected["cluster_manager.cds"] = CLUSTERS
        await self._settle(before, expected)

        expected.clear()
        for spec in configuration.listeners:
            name = f"routes-{spec.key}.json"
            if self._write(name, [route_configuration(spec)]) and spec.key in known_routes:
                expected[f"http.{spec.key}.rds.{spec.key}"] = name
        if self._write(LISTENERS, documents.listeners(configuration, self._folder)):
            expected["listener_manager.lds"] = LISTENERS
        await self._settle(before, expected)

        if stale:
            second = await outcomes(self._process.socket)
            if self._write(CLUSTERS, wanted):
                await self._settle(second, {"cluster_manager.cds": CLUSTERS})
        self._remove("endpoints-", {p.key for p in configuration.pools})
        self._remove("routes-", {s.key for s in configuration.listeners})

    def _known(self, prefix: str) -> set[str]:
        return {name.removeprefix(prefix).removesuffix(".json") for name in self._written if name.startswith(prefix)}

    def _remove(self, prefix: str, wanted: set[str]) -> None:
        for key in self._known(prefix) - wanted:
            name = f"{prefix}{key}.json"
            del self._written[name]
            (self._folder / name).unlink(missing_ok=True)

    def _write(self, name: str, resources: list[dict[str, Any]]) -> bool:
        """Rename a new document into place, if it differs from the last one; whether it did."""
        if self._written.get(name) == resources:
            return False
        self._version += 1
        temporary = self._folder / f".{name}.new"
        temporary.write_text(json.dumps({"version_info": str(self._version), "resources": resources}))
        temporary.rename(self._folder / name)
        self._written[name] = resources
        return True

    async def _settle(self, before: Mapping[str, int], files: Mapping[str, str]) -> None:
        """Wait until Envoy has taken each changed file in; `files` are by the name of their subscription.

        Raises:
            DataPlaneRefusal: Envoy refused one. (A refused listener is not told here: others of its file are served.)
        """
        deadline = monotonic() + _EFFECT_SECONDS
        waiting = dict(files)
        now: Mapping[str, int] = {}
        while waiting or any(now.get(name) for name in _WARMING):
            now = await outcomes(self._process.socket)
            for subscription, name in list(waiting.items()):
                grown = {
                    kind: now.get(f"{subscription}.update_{kind}", 0) - before.get(f"{subscription}.update_{kind}", 0)
                    for kind in ("success", "rejected", "failure")
                }
                if grown["rejected"] or grown["failure"]:
                    del self._written[name]  # so that it is written anew the next time
                    if name != LISTENERS:
                        raise DataPlaneRefusal(await self._refusal(subscription))
                if any(grown.values()):
                    del waiting[subscription]
            if monotonic() > deadline:
                for name in waiting.values():
                    del self._written[name]
                late = ", ".join(waiting) or "what it was told to warm"
                raise DataPlaneRefusal(f"Envoy did not take in {late} within {_EFFECT_SECONDS:.0f} s")
            await asyncio.sleep(_POLL_SECONDS if waiting else 0)

    async def _refusal(self, what: str) -> str:
        await asyncio.sleep(_LOG_SECONDS)
        log = self._folder / "envoy.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return f"Envoy refused {what}: {lines[-1][-300:] if lines else 'its log is empty'}"

    async def _missing(self, configuration: Configuration) -> dict[str, str]:
        """The listeners that do not listen after all, with what Envoy says about it."""
        missing = await self._await_ports(configuration.listeners)
        if not missing:
            return {}
        self._written.pop(LISTENERS, None)
        told = await self._refusal("the listener")
        return {spec.key: f"127.0.0.1:{spec.port}: {told}" for spec in missing}

    async def _await_ports(self, specs: Iterable[ListenerSpec]) -> list[ListenerSpec]:
        deadline = monotonic() + _LISTENER_SECONDS
        while True:
            opened = await open_ports(self._process.socket)
            missing = [spec for spec in specs if spec.port not in opened]
            if not missing or monotonic() > deadline:
                return missing
            await asyncio.sleep(_POLL_SECONDS)
