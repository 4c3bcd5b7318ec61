"""The live view: what is drawn of a picture, and a deployment on a real terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console, Group
from tests.deployment.builders import (
    GROUP,
    T0,
    a_definition,
    a_picture,
    a_record,
    a_rollout,
    a_service,
    a_stopped_task,
    a_task,
    an_event,
)

from fairway.cli import counter
from fairway.cli.live import LiveView, draw
from fairway.cli.output import Output
from fairway.clock import monotonic, wall_now
from fairway.deployment.progress import Change
from fairway.observed import Target

SOURCE = Path(__file__).parent.parent.parent / "src"


def drawn(picture):
    stream = io.StringIO()
    Console(file=stream, width=120, no_color=True).print(Group(*draw(picture)))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def test_a_watched_service_shows_its_newest_minute_until_its_verdict():
    class Aws:
        def now(self):
            return T0

    view = LiveView(Output(stream=io.StringIO()), cast("Any", Aws()), title="shop")

    def shown():
        stream = io.StringIO()
        Console(file=stream, width=120, no_color=True).print(view.render())
        return stream.getvalue()

    for number in (1, 2):
        view.change(Change("monitor", "api", f"minute {number} of 15: 300 requests, 0 failed"))
    assert "api  minute 2 of 15: 300 requests, 0 failed" in shown()
    assert "minute 1" not in shown()
    view.change(Change("monitor_verdict", "api", "monitored: healthy"))
    assert "minute" not in shown()


def test_revisions_tasks_targets_and_events():
    old = a_definition(1, version="v1")
    new = a_definition(2)
    picture = a_picture(
        a_service(
            a_rollout(2, desired=2, pending=1, running=1, failed=1),
            a_rollout(1, status="ACTIVE", desired=2, running=1),
            events=(an_event("(service api) (task 1) failed container health checks."), an_event("old", seconds=-5)),
        ),
        deployment=a_record(failures=1, threshold=3),
        definitions={old.arn: old, new.arn: new},
        tasks=(a_task(1, definition=1, zone="us-east-1a"), a_task(2, status="PENDING", zone="us-east-1b")),
        stopped=(a_stopped_task(3, reason="Essential container in task exited", exit_code=1, stopped=30),),
        targets=(Target(GROUP, "10.0.0.1", 80, "healthy"), Target(GROUP, "10.0.0.2", 80, "initial")),
    )
    assert (
        drawn(picture)
        == """\
api  IN_PROGRESS  breaker 1/3
    REVISION         DESIRED  PENDING  RUNNING  FAILED
▶   shop-api:2 (v2)  2        1        1        1
    shop-api:1 (v1)  2        0        1        0
  00000000 shop-api:1 RUNNING                 us-east-1a
  00000000 shop-api:2 PENDING                 us-east-1b
  00000000 shop-api:2 STOPPED                  Essential container in task exited (exit 1)
  targets 1 healthy, 1 initial
  12:00:10 (service api) (task 1) failed container health checks."""
    )


def test_many_tasks_are_counted():
    picture = a_picture(a_service(a_rollout(2, desired=40, running=40)), tasks=tuple(a_task(n) for n in range(40)))
    assert "40 of shop-api:2 RUNNING" in drawn(picture)


def test_the_counter_of_a_load_is_shown_while_it_is_fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / f"fairway-load-{os.getuid()}"
    folder.mkdir(mode=0o700)

    def write(port, at):
        content = {"address": f"http://127.0.0.1:{port}", "rate": 300.4, "requests": 9, "failed": 0, "p50_ms": 1.0, "p95_ms": 4.2, "p99_ms": 9.0, "at": at.isoformat()}  # fmt: skip
        (folder / f"{port}.json").write_text(json.dumps(content))

    write(8080, wall_now())
    write(8081, wall_now() - timedelta(seconds=10))
    (folder / "8082.json").write_text("{")
    (folder / "other.json").write_text("{}")
    [load] = counter.counters()
    assert counter.counter_text(load) == "300 requests/s, 0 failed, p95 4 ms (http://127.0.0.1:8080)"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "nothing"))
    assert counter.counters() == []
    assert load.at > datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.slow
def test_a_deployment_on_a_terminal(project):
    """Redrawn in place, and what is worth keeping stays above it."""
    master, slave = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "TERM": "xterm", "COLUMNS": "140", "LINES": "50"}
    command = [sys.executable, "-m", "fairway.cli.main", "deploy", "api", "--tag", "v1"]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=project.root)
    os.close(slave)
    seen = b""
    limit = monotonic() + 60
    while monotonic() < limit:
        readable, _, _ = select.select([master], [], [], 1)
        if readable:
            try:
                piece = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            seen += piece
    os.close(master)
    assert process.wait(10) == 0, seen.decode()
    text = seen.decode()
    assert "\x1b[" in text
    assert "REVISION" in text
    assert f"registered {project.cluster}-api:1 (v1)" in text
    assert "deployed in" in text
