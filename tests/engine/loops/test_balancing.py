"""The loop between store and data plane: a real Envoy, a real store, targets of this process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.engine.loadbalancer.backends import HOST, once
from tests.engine.loadbalancer.conftest import a, b, folder  # noqa: F401 - fixtures
from tests.engine.loadbalancer.waiting import until
from tests.ports import free_port

from fairway.engine.control.target_health import drain, new_target
from fairway.engine.loadbalancer.envoy import EnvoyDataPlane
from fairway.engine.loops.balancing import Balancing
from fairway.engine.model.elb import HealthCheck, Listener, LoadBalancer, TargetGroup, TargetState
from fairway.engine.services.elbv2.configuration import pool_key
from fairway.engine.store.schema import LISTENERS, LOAD_BALANCERS, TABLES, TARGET_GROUPS, TARGETS
from fairway.engine.store.store import Store

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ELB = "arn:aws:elasticloadbalancing:us-east-1:123456789012"
GROUP = TargetGroup(
    arn=f"{ELB}:targetgroup/api/0123456789abcdef",
    name="api",
    region="us-east-1",
    protocol="HTTP",
    port=80,
    vpc_id="vpc-1",
    target_type="ip",
    health_check=HealthCheck(),
    created_at=NOW,
)
BALANCER = LoadBalancer(
    arn=f"{ELB}:loadbalancer/app/web/1",
    name="web",
    region="us-east-1",
    dns_name="web",
    scheme="internal",
    vpc_id="vpc-1",
    subnets={},
    security_groups=(),
    ip_address_type="ipv4",
    created_at=NOW,
)


def a_listener(port):
    action = {"Type": "forward", "TargetGroupArn": GROUP.arn}
    return Listener(f"{ELB}:listener/app/web/1/2", BALANCER.arn, 80, "HTTP", port, (action,), NOW)


def a_target(backend, state=TargetState.HEALTHY, host=HOST):
    target = new_target(
        GROUP, target_id=HOST, port=backend.port, host=host, host_port=backend.port, zone=None, task_arn=None, now=NOW
    )
    return replace(target, state=state)


@contextlib.asynccontextmanager
async def balanced(path, *targets, port):
    store = Store(TABLES)
    facts: list[Any] = []
    put(store, (LOAD_BALANCERS, BALANCER), (TARGET_GROUPS, GROUP), (LISTENERS, a_listener(port)))
    put(store, *((TARGETS, target) for target in targets))
    plane = EnvoyDataPlane(path)
    await plane.open()
    loop = Balancing(store, plane, emit=facts.append, now=lambda: NOW, rate=lambda: 1.0)
    running = asyncio.create_task(loop.run())
    try:
        yield store, loop, plane, facts
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await plane.close(leave_running=False)


def put(store, *rows):
    with store.transaction() as tx:
        for table, entity in rows:
            tx.put(table, entity)


async def answers(port):
    try:
        return (await once(port)).status == 200
    except OSError:
        return False


async def test_a_draining_target_is_told_idle_soon_after_its_last_request(folder, a, b):  # noqa: F811
    port = free_port()
    async with balanced(folder, a_target(a), a_target(b), port=port) as (store, loop, plane, facts):
        await until(lambda: answers(port))
        under_way = [asyncio.create_task(once(port, "/slow/30")) for _ in range(4)]
        await until(lambda: a.active and a.active + b.active == 4)
        put(store, (TARGETS, drain(a_target(a), NOW)))
        await until(lambda: not loop._may_be_offered(pool_key(GROUP.arn), a.endpoint))
        for _ in range(20):
            assert (await once(port)).backend == "b"
        stats = await until(plane.stats)
        assert max(pool.active_requests[a.endpoint] for pool in stats.pools.values()) > 0
        assert facts == []
        a.release.set()
        await until(lambda: facts)
        assert {fact.target_key for fact in facts} == {a_target(a).key}
        b.release.set()
        assert {answer.status for answer in await asyncio.gather(*under_way)} == {200}


async def test_a_target_that_carries_nothing_is_told_idle_at_once(folder, a, b):  # noqa: F811
    port = free_port()
    async with balanced(folder, a_target(a), a_target(b), port=port) as (store, _, _, facts):
        await until(lambda: answers(port))
        put(store, (TARGETS, drain(a_target(a), NOW)))
        await until(lambda: facts)


async def test_a_simulated_target_is_told_idle_though_no_data_plane_runs(folder, a):  # noqa: F811
    target = replace(drain(a_target(a), NOW), host="")
    async with balanced(folder, target, port=free_port()) as (_, _, plane, facts):
        await until(lambda: facts)
        assert plane.pid() is None


async def test_a_killed_envoy_is_started_anew_without_being_asked(folder, a):  # noqa: F811
    port = free_port()
    async with balanced(folder, a_target(a), port=port) as (_, loop, plane, _):
        await until(lambda: answers(port))
        first = plane.pid()
        os.kill(first, signal.SIGKILL)
        await until(lambda: plane.pid() not in {None, first})
        await until(lambda: answers(port))
        await until(lambda: loop.refusal is None)  # killed in the very moment of its start, it is told of for a while


async def test_a_refusal_is_kept_until_it_is_mended(folder, a, monkeypatch):  # noqa: F811
    monkeypatch.setattr("fairway.engine.loops.balancing.RETRY_SECONDS", 0.1)
    port = free_port()
    taken = await asyncio.start_server(lambda _, writer: writer.close(), HOST, port)
    async with balanced(folder, a_target(a), port=port) as (_, loop, _, _):
        assert "in use by" in await until(lambda: loop.refusal)
        taken.close()
        await taken.wait_closed()
        await until(lambda: loop.refusal is None)
        await until(lambda: answers(port))


async def test_the_counters_are_read_each_second(folder, a):  # noqa: F811
    port = free_port()
    async with balanced(folder, a_target(a), port=port) as (_, loop, _, _):
        await until(lambda: answers(port))
        stats = await until(lambda: loop.stats, lambda s: any(p.target_2xx for p in s.pools.values()))
        assert stats.generation
