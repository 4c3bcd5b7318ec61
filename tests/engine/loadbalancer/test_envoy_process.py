"""The life of Envoy beside the engine's: adopted, started anew, refused, ended."""

from __future__ import annotations

import asyncio
import os
import signal
import stat

import pytest
from tests.engine.loadbalancer.backends import Client, once
from tests.engine.loadbalancer.configurations import a_configuration, a_listener, a_pool
from tests.engine.loadbalancer.conftest import opened
from tests.engine.loadbalancer.waiting import until
from tests.ports import free_port

from fairway.engine.loadbalancer import envoy as module
from fairway.engine.loadbalancer.envoy import EnvoyDataPlane
from fairway.engine.loadbalancer.envoy_process import _running
from fairway.engine.loadbalancer.protocol import DataPlaneRefusal, Pool

pytestmark = pytest.mark.slow

ABANDONED: list[EnvoyDataPlane] = []


def running(folder):
    return [identity.pid for identity in _running(folder / "bootstrap.json")]


@pytest.fixture(autouse=True)
def children():
    """The Envoys whose engine, this process, does not really die: their exit codes have to be taken."""
    yield ABANDONED
    for plane in ABANDONED:
        if plane._process._child is not None:
            plane._process._child.wait(5)
    ABANDONED.clear()


async def abandoned(folder, *parts):
    """An Envoy whose engine was killed."""
    plane = EnvoyDataPlane(folder)
    await plane.open()
    await plane.apply(a_configuration(*parts))
    await plane.stats()
    assert plane._watch is not None
    plane._watch.cancel()
    await asyncio.gather(plane._watch, return_exceptions=True)
    ABANDONED.append(plane)
    return plane


async def test_the_next_engine_goes_on_with_the_same_envoy_and_its_counts(folder, a, b):
    listener = a_listener(free_port())
    dead = await abandoned(folder, listener, a_pool("tg-a", a))
    client = Client(listener.port)
    for _ in range(5):
        await client.get()
    async with opened(EnvoyDataPlane(folder)) as plane:
        assert plane.pid() == dead.pid()
        assert (await client.get()).backend == "a"
        before = await plane.stats()
        assert before.pools["tg-a"].target_2xx == 6
        assert not await plane.apply(a_configuration(listener, a_pool("tg-a", a)))
        assert not await plane.apply(a_configuration(listener, a_pool("tg-a", b)))
        assert (await client.get()).backend == "b"
        after = await plane.stats()
        assert (after.pools["tg-a"].target_2xx, after.generation) == (7, before.generation)
        assert running(folder) == [plane.pid()]
    await client.close()
    assert running(folder) == []


async def test_what_the_dead_engine_had_and_the_next_has_not_goes_without_a_failed_request(folder, a, b):
    listener = a_listener(free_port(), to=(("tg-old", 1),))
    await abandoned(folder, listener, a_pool("tg-old", a), a_pool("tg-unused", a))
    async with opened(EnvoyDataPlane(folder)) as plane:
        client = Client(listener.port)
        answers = [await client.get()]
        change = plane.apply(a_configuration(a_listener(listener.port, to=(("tg-new", 1),)), a_pool("tg-new", b)))
        under_way = asyncio.create_task(change)
        while not under_way.done():
            answers.append(await client.get())
        answers.append(await client.get())
        await client.close()
        assert {answer.status for answer in answers} == {200}
        assert answers[-1].backend == "b"
        assert not list(folder.glob("endpoints-tg-old.json"))


async def test_an_envoy_that_is_killed_is_told_and_started_anew_with_its_counts(folder, a):
    listener = a_listener(free_port())
    async with opened(EnvoyDataPlane(folder)) as plane:
        wanted = a_configuration(listener, a_pool("tg-a", a))
        await plane.apply(wanted)
        for _ in range(5):
            await once(listener.port)
        before = await plane.stats()
        killed = plane.pid()
        os.kill(killed, signal.SIGKILL)
        await asyncio.wait_for(plane.lost(), 2.0)
        assert plane.pid() is None
        with pytest.raises(DataPlaneRefusal, match="ended"):
            await plane.stats()
        assert not await plane.apply(wanted)
        assert plane.pid() not in {None, killed}
        await once(listener.port)
        after = await plane.stats()
        assert (before.pools["tg-a"].target_2xx, after.pools["tg-a"].target_2xx) == (5, 6)
        assert before.generation == after.generation


async def test_counts_go_on_when_envoy_was_started_anew_before_the_engine_died(folder, a):
    wanted = a_configuration(a_listener(free_port()), a_pool("tg-a", a))
    plane = await abandoned(folder, *wanted.listeners, *wanted.pools)
    await once(wanted.listeners[0].port)
    await plane.stats()
    os.kill(plane.pid(), signal.SIGKILL)
    await until(lambda: plane.pid() is None)
    await plane.apply(wanted)
    await once(wanted.listeners[0].port)
    assert (await plane.stats()).pools["tg-a"].target_2xx == 2
    await plane.close(leave_running=True)
    async with opened(EnvoyDataPlane(folder)) as plane:
        await once(wanted.listeners[0].port)
        assert (await plane.stats()).pools["tg-a"].target_2xx == 3


async def test_an_envoy_that_does_not_answer_is_ended(folder, a, monkeypatch):
    monkeypatch.setattr("fairway.engine.loadbalancer.envoy_process.ANSWER_SECONDS", 0.3)
    listener = a_listener(free_port())
    dead = await abandoned(folder, listener, a_pool("tg-a", a))
    os.kill(dead.pid(), signal.SIGSTOP)
    monkeypatch.setattr("fairway.engine.loadbalancer.envoy_admin._TIMEOUT_SECONDS", 0.2)
    async with opened(EnvoyDataPlane(folder)) as plane:
        assert plane.pid() is None
        monkeypatch.undo()
        await plane.apply(a_configuration(listener, a_pool("tg-a", a)))
        assert (await once(listener.port)).backend == "a"
        assert len(running(folder)) == 1


async def test_a_deep_folder_is_no_obstacle(folder, a):
    deep = folder / ("deep" * 20) / ("deeper" * 10)
    listener = a_listener(free_port())
    async with opened(EnvoyDataPlane(deep)) as plane:
        await plane.apply(a_configuration(listener, a_pool("tg-a", a)))
        assert (await once(listener.port)).backend == "a"
        assert (await plane.stats()).pools["tg-a"].target_2xx == 1
        assert len(str(deep / "admin.sock")) > 108


async def test_nobody_else_may_enter_the_folder(folder, a):
    folder.chmod(0o755)
    async with opened(EnvoyDataPlane(folder)) as plane:
        await plane.apply(a_configuration(a_listener(free_port()), a_pool("tg-a", a)))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_what_is_unchanged_is_not_touched(folder, a):
    async with opened(EnvoyDataPlane(folder)) as plane:
        wanted = a_configuration(a_listener(free_port()), a_pool("tg-a", a))
        await plane.apply(wanted)
        before = {path: path.stat().st_ino for path in folder.glob("*.json")}
        await plane.apply(wanted)
        assert {path: path.stat().st_ino for path in folder.glob("*.json")} == before


async def test_a_hundred_and_one_target_groups_are_refused(folder):
    plane = EnvoyDataPlane(folder)
    with pytest.raises(DataPlaneRefusal, match="101 target groups are in use"):
        await plane.apply(a_configuration(*(Pool(f"tg-{n}", {}) for n in range(101))))


async def test_too_few_watches_are_told_before_envoy_crashes_of_them(folder, a, monkeypatch):
    monkeypatch.setattr(module, "instances_left", lambda: 3)
    async with opened(EnvoyDataPlane(folder)) as plane:
        with pytest.raises(DataPlaneRefusal, match="max_user_instances"):
            await plane.apply(a_configuration(a_listener(free_port()), a_pool("tg-a", a)))
        assert plane.pid() is None


async def test_a_full_disk_is_told(folder, a, b):
    listener = a_listener(free_port())
    async with opened(EnvoyDataPlane(folder)) as plane:
        await plane.apply(a_configuration(listener, a_pool("tg-a", a)))
        blocked = folder / ".endpoints-tg-a.json.new"
        blocked.mkdir()
        with pytest.raises(DataPlaneRefusal, match="cannot be written"):
            await plane.apply(a_configuration(listener, a_pool("tg-a", b)))
        assert (await once(listener.port)).backend == "a"
        blocked.rmdir()
        await plane.apply(a_configuration(listener, a_pool("tg-a", b)))
        assert (await once(listener.port)).backend == "b"


async def test_a_binary_that_ends_at_once_is_told_with_what_it_said(folder, a):
    folder.joinpath("no-envoy").write_text("#!/bin/sh\necho cannot run here >&2\nexit 3\n")
    folder.joinpath("no-envoy").chmod(0o755)
    plane = EnvoyDataPlane(folder, binary=folder / "no-envoy")
    await plane.open()
    with pytest.raises(DataPlaneRefusal, match=r"exit code 3.*cannot run here"):
        await plane.apply(a_configuration(a_listener(free_port()), a_pool("tg-a", a)))
