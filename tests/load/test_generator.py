from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import stat

import pytest
from tests.engine.loadbalancer.backends import Backend
from tests.engine.loadbalancer.waiting import until
from tests.ports import free_port

from fairway.load.address import Address
from fairway.load.generator import Load, LoadPlan
from fairway.load.published import folder, read_published

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def loaded(port, **settings):
    """A load that is under way."""
    load = Load(LoadPlan(Address(port), **settings))
    running = asyncio.create_task(load.run())
    try:
        yield load
    finally:
        load.stop()
        await running


async def run(port, **settings):
    load = Load(LoadPlan(Address(port), **settings))
    return await load.run(), load


@pytest.mark.parametrize("new", [True, False])
async def test_each_request_is_sent_once(new):
    async with Backend() as backend:
        summary, _ = await run(backend.port, rate=400, seconds=0.5, new_connections=new)
        assert (summary.requests, summary.failed, backend.requests) == (200, 0, 200)
        assert 0 < summary.p50_ms <= summary.p95_ms <= summary.p99_ms <= summary.max_ms


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        pytest.param("/status/502", "HTTP 502", id="an error's status"),
        pytest.param("/status/404", "HTTP 404", id="not found"),
        pytest.param("/reset", "connection closed", id="closed after the request was sent"),
        pytest.param("/garbage", "broken answer", id="no HTTP"),
        pytest.param("/cut", "broken answer", id="cut off"),
        pytest.param("/slow/30", "time-out", id="too late"),
    ],
)
async def test_a_failure_is_counted_by_its_kind(path, kind):
    async with Backend() as backend:
        summary, load = await run(backend.port, rate=20, seconds=0.2, paths=(path,), timeout_seconds=0.3)
        backend.release.set()
    assert (summary.requests, summary.failed, summary.kinds) == (4, 4, {kind: 4})
    assert [(failure.path, failure.kind) for failure in load.failures] == [(path, kind)] * 4


async def test_a_refused_connection_is_a_failure():
    summary, _ = await run(free_port(), rate=20, seconds=0.2)
    assert summary.kinds == {"connection refused": 4}


async def test_a_connection_that_was_closed_while_idle_is_no_failure():
    async with Backend() as backend:
        port = backend.port
        async with loaded(port, rate=10, connections=2) as load:
            await until(lambda: load.total.requests > 2)
            for writer in list(backend._writers):
                before = load.total.requests
                # right after an answer: the next request is a tenth of a second away, and not on its way already
                await until(lambda seen=before: load.total.requests > seen and not backend.active)  # type: ignore[misc]
                writer.close()
            before = load.total.requests
            await until(lambda: load.total.requests > before + 4)
    assert load.total.failed == 0


async def test_a_server_that_goes_without_answering_is_a_failure():
    async with Backend() as backend, loaded(backend.port, rate=50, paths=("/slow/30",)) as load:
        await until(lambda: backend.active >= 3)
        for writer in list(backend._writers):
            writer.transport.abort()
        await until(lambda: load.total.failed >= 3)
        assert load.total.kinds.keys() <= {"connection reset", "connection closed"}
        backend.release.set()


async def test_who_had_to_wait_is_charged_to_the_server():
    async with Backend() as backend:
        summary, _ = await run(backend.port, rate=100, seconds=0.5, connections=1, paths=("/slow/0.05",))
    assert summary.requests == 50
    assert summary.failed == 0
    assert summary.p50_ms > 500


async def test_stopping_waits_for_what_is_under_way():
    async with Backend() as backend:
        load = Load(LoadPlan(Address(backend.port), rate=100, paths=("/slow/0.2",), connections=5))
        running = asyncio.create_task(load.run())
        await until(lambda: backend.active == 5)
        load.stop()
        summary = await running
        assert (summary.failed, backend.active) == (0, 0)
        assert summary.requests == backend.requests


async def test_it_goes_on_when_the_server_comes_back():
    port = free_port()
    async with loaded(port, rate=50) as load:
        await until(lambda: load.total.failed > 3)
        async with Backend(port=port) as backend:
            await until(lambda: backend.requests > 5)


@pytest.fixture
def runtime_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


async def test_the_verb_as_a_process(runtime_folder):
    async with Backend() as backend:
        process = await _start(backend.port, "--path", "/", "--path", "/status/200", "--json")
        published = await until(lambda: read_published(backend.port))
        assert published.address == f"http://127.0.0.1:{backend.port}"
        assert published.failed == 0
        assert 45 <= published.rate <= 55
        path = folder() / f"{backend.port}.json"
        assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(folder().stat().st_mode)) == (0o600, 0o700)
        process.terminate()
        output, errors = await process.communicate()
        assert (process.returncode, errors) == (0, b"")
    lines = [json.loads(line) for line in output.splitlines()]
    assert {line["event"] for line in lines[:-1]} == {"second"}
    assert (lines[-1]["event"], lines[-1]["failed"]) == ("summary", 0)
    assert lines[-1]["requests"] == backend.requests
    assert read_published(backend.port) is None
    assert not path.exists()


async def test_the_verb_says_what_failed_and_exits_with_1(runtime_folder):
    async with Backend() as backend:
        process = await _start(backend.port, "--path", "/status/503", "--seconds", "1.2")
        output, _ = await process.communicate()
    text = output.decode()
    assert process.returncode == 1
    assert re.search(r"(\d+) requests/s, \1 failed", text)
    assert "60 requests in 1.2 s, 60 failed" in text
    assert "60 times HTTP 503" in text


def _start(port, *words):
    command = ["python", "-m", "fairway.cli.main", "load", f"http://127.0.0.1:{port}", "--rate", "50", *words]
    environment = {**os.environ, "PYTHONPATH": "src"}
    return asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment
    )


async def test_a_folder_that_is_not_ours_alone_is_not_read(runtime_folder):
    folder().mkdir(mode=0o755)
    (folder() / "1.json").write_text("{}")
    assert read_published(1) is None
