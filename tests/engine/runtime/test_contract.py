"""What every runtime does: the same cases against processes and against models."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.runtime.worlds import World, a_world, folder, until  # noqa: F401 - a fixture

from fairway.clock import wall_now
from fairway.engine.model.facts import (
    ContainerExited,
    ContainerLost,
    ContainerStarted,
    ContainerStartFailed,
    HealthChecked,
    ImagePulled,
)
from fairway.engine.runtime.protocol import ContainerRef, PortRequest, RuntimeRefusal
from fairway.engine.runtime.simulated import SimulatedRuntime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from fairway.engine.runtime.protocol import ContainerSpec

pytestmark = pytest.mark.slow
APP = ContainerRef("0123456789abcdef0123456789abcdef", "app")
SIDE = ContainerRef(APP.task_id, "side")
LONG = "import time; time.sleep(300)"


class SimulatedWorld(World):
    """As `World`, with models; a second of theirs lasts a hundredth."""

    def renew(self) -> None:
        self.runtime = SimulatedRuntime(  # type: ignore[assignment]
            self.emit, now=wall_now, call_at=self.call_at, remember=self.remember
        )

    @staticmethod
    def call_at(at: datetime, action: Callable[[], None]) -> Callable[[], None]:
        return asyncio.get_running_loop().call_later((at - wall_now()) / timedelta(seconds=100), action).cancel

    def remember(self, ref: ContainerRef) -> tuple[Mapping[str, str], datetime] | None:
        started = [
            fact for fact in self.facts if isinstance(fact, ContainerStarted) and fact.container == ref.container
        ]
        return ({}, started[0].at) if started else None


@pytest.fixture(params=["process", "simulated"])
async def world(request, folder: Path) -> AsyncIterator[World]:  # noqa: F811
    async with a_world(folder, kind=World if request.param == "process" else SimulatedWorld) as made:
        yield made


def long_lived(world: World, ref: ContainerRef = APP) -> ContainerSpec:
    return world.spec(ref, LONG)


def facts_of(world: World, *kinds: type[Any]) -> list[Any]:
    return [fact for fact in world.facts if isinstance(fact, kinds)]


async def test_a_container_starts_runs_and_exits_by_itself(world):
    labels = {"fairway.sim.exit_after": "1", "fairway.sim.exit_code": "3"}
    world.runtime.start(world.spec(APP, "raise SystemExit(3)", docker_labels=labels))
    exited = await world.fact(ContainerExited, APP)
    assert (exited.task_id, exited.exit_code, exited.reason) == (APP.task_id, 3, None)
    started = await world.fact(ContainerStarted, APP)
    assert started.runtime_id
    assert started.at <= exited.at
    assert len(world.facts) == 2


async def test_nothing_is_told_before_the_call_returns(world):
    world.runtime.pull(APP, "image", world.image.digest)
    world.runtime.start(long_lived(world))
    assert world.facts == []
    assert (await world.fact(ImagePulled, APP)).digest == world.image.digest


async def test_a_second_start_changes_nothing(world):
    for _ in range(3):
        world.runtime.start(long_lived(world))
    await world.fact(ContainerStarted, APP)
    world.runtime.start(long_lived(world))
    world.runtime.stop(APP, grace_seconds=5)
    await world.fact(ContainerExited, APP)
    assert len(world.facts) == 2


async def test_a_stop_ends_one_container_and_no_other(world):
    world.runtime.start(long_lived(world))
    world.runtime.start(long_lived(world, SIDE))
    await world.fact(ContainerStarted, APP)
    await world.fact(ContainerStarted, SIDE)
    world.runtime.stop(SIDE, grace_seconds=5)
    await world.fact(ContainerExited, SIDE)
    world.runtime.check_health(APP, ["CMD", "true"], timeout_seconds=5)
    assert (await world.fact(HealthChecked, APP)).healthy
    assert [fact.container for fact in facts_of(world, ContainerExited)] == ["side"]


async def test_what_was_never_started_is_lost_when_it_is_stopped(world):
    world.runtime.stop(APP, grace_seconds=5)
    assert (await world.fact(ContainerLost, APP)).task_id == APP.task_id


async def test_a_stop_during_the_start_is_obeyed(world):
    world.runtime.start(long_lived(world))
    world.runtime.stop(APP, grace_seconds=5)
    await world.fact(ContainerExited, APP)
    assert facts_of(world, ContainerStartFailed, ContainerLost) == []


async def test_the_network_of_a_task_is_always_the_same(world):
    requests = [PortRequest("app", 8000), PortRequest("side", 9000, "udp")]
    bindings = world.runtime.attach_network(APP.task_id, requests)
    assert [(b.container, b.container_port, b.protocol) for b in bindings] == [
        ("app", 8000, "tcp"),
        ("side", 9000, "udp"),
    ]
    assert world.runtime.attach_network(APP.task_id, requests) == bindings
    assert world.runtime.attach_network("b" * 32, []) == ()


async def test_after_release_nothing_is_told_any_more(world):
    world.runtime.start(long_lived(world))
    await world.fact(ContainerStarted, APP)
    world.runtime.release(APP.task_id)
    world.runtime.check_health(APP, ["CMD", "true"], timeout_seconds=5)
    world.runtime.stop(APP, grace_seconds=1)
    await world.fact(ContainerLost, APP)
    await world.runtime.close(leave_running=False)
    assert [type(fact) for fact in world.facts] == [ContainerStarted, ContainerLost]


async def test_each_known_container_is_told_of_once_when_it_is_adopted(world):
    world.runtime.start(long_lived(world))
    first = await world.fact(ContainerStarted, APP)
    await world.runtime.close(leave_running=True)
    world.renew()
    await world.runtime.open()
    await world.runtime.adopt([APP, SIDE])
    again = await world.fact(ContainerStarted, APP, count=2)
    assert abs((again.at - first.at).total_seconds()) < 1
    await world.fact(ContainerLost, SIDE)
    assert len(world.facts) == 3
    world.runtime.stop(APP, grace_seconds=5)
    await world.fact(ContainerExited, APP)


async def test_usage_names_only_what_runs(world):
    assert world.runtime.usage() == {}
    world.runtime.start(long_lived(world))
    await world.fact(ContainerStarted, APP)
    assert set(world.runtime.usage()) <= {APP}
    world.runtime.stop(APP, grace_seconds=5)
    await world.fact(ContainerExited, APP)
    assert world.runtime.usage() == {}


@pytest.mark.parametrize("leave_running", [True, False])
async def test_closing_an_idle_runtime_is_quiet(world, leave_running):
    await world.runtime.close(leave_running=leave_running)
    assert world.facts == []


async def test_ports_may_run_out(world):
    if isinstance(world, SimulatedWorld):
        pytest.skip("models need no ports")
    requests = [PortRequest("app", number) for number in range(1, 302)]
    with pytest.raises(
        RuntimeRefusal, match=r"ResourceInitializationError: no port of 127.0.0.1 from 20100 to 20399 is"
    ):
        world.runtime.attach_network(APP.task_id, requests)
