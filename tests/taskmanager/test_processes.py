from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from tests.taskmanager.processes import SOURCE

from taskmanager.main import drained_at

pytestmark = pytest.mark.slow
API, MIGRATE = "taskmanager.main", "taskmanager.migrate"


@pytest.mark.parametrize(
    ("asked_at", "at_most", "ends_at"),
    [
        pytest.param(None, 5, 102, id="nobody asks: soon, but a balancer that is late by a second finds somebody"),
        pytest.param(101, 5, 103, id="each request makes it longer"),
        pytest.param(104, 5, 105, id="but not for ever: a balancer that never hears of it keeps no deployment"),
        pytest.param(99.9, 5, 102, id="what came before the stop tells nothing"),
        pytest.param(None, 1, 101, id="a shorter time was set"),
        pytest.param(100.5, 0, 100, id="no time was set"),
    ],
)
def test_when_a_drain_ends(asked_at, at_most, ends_at):
    assert drained_at(100, asked_at, at_most) == ends_at


class Client(threading.Thread):
    """Asks without pause over one kept-alive connection, as a balancer does, until told to stop."""

    def __init__(self, port):
        super().__init__()
        self._port, self._stop_asking = port, threading.Event()
        self.answered, self.closed, self.failures = 0, 0, []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        while not self._stop_asking.is_set():
            try:
                connection.request("GET", "/version")
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failures.append(answer.status)
                self.answered += 1
                self.closed += answer.headers.get("connection") == "close"
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                return
        connection.close()

    def finish(self):
        self._stop_asking.set()
        self.join()


def test_a_stop_fails_no_request_and_ends_with_exit_code_0(run):
    api = run(API, DRAIN_SECONDS="2").wait_until_ready()
    clients = [Client(api.port) for _ in range(4)]
    for client in clients:
        client.start()
    api.wait_for(lambda: all(client.answered > 10 for client in clients))
    stopped = time.monotonic()
    api.popen.send_signal(signal.SIGTERM)
    api.wait_for(lambda: api.get("/ready")[0] == 503)
    before = [client.closed for client in clients]
    # a balancer that hears of the stop late goes on for a second
    api.wait_for(lambda: all(client.closed > seen + 5 for client, seen in zip(clients, before, strict=True)))
    assert api.get("/health")[0] == 200
    for client in clients:
        client.finish()
    assert [client.failures for client in clients] == [[]] * 4
    assert api.popen.wait(30) == 0
    assert time.monotonic() - stopped >= 2
    assert api.get("/health")[0] is None
    assert '"event":"stopped"' in api.output()


def test_the_drain_ends_soon_when_nobody_asks_any_more(run):
    api = run(API, DRAIN_SECONDS="60").wait_until_ready()
    api.popen.send_signal(signal.SIGTERM)
    # a health check is no request: a balancer goes on with them until it has dropped the target
    api.wait_for(lambda: api.get("/ready")[0] is None, alive=False)
    assert api.popen.wait(30) == 0


def test_a_request_that_is_being_answered_is_answered(run):
    api = run(API, DRAIN_SECONDS="0", TASKMANAGER_FAULTS="latency_ms=1500").wait_until_ready()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(api.get("/version")[0]))
    asking.start()
    # nothing outside shows that the request has arrived: it is under way once the connection is established
    api.wait_for(lambda: established(api.port))
    api.popen.send_signal(signal.SIGTERM)
    asking.join()
    assert answers == [200]
    assert api.popen.wait(30) == 0


def established(port):
    """Somebody is connected to this port."""
    with open("/proc/net/tcp") as table:  # noqa: PTH123  # a table of the kernel, no file
        rows = [line.split() for line in table.readlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        pytest.param({"DATABASE_URL": None, "JWT_SECRET_KEY": None}, "taskmanager-api: DATABASE_URL is missing (sqlite:///PATH or mysql://USER:PASSWORD@HOST/NAME); JWT_SECRET_KEY is missing (the key that signs the tokens, at least 32 characters)\n", id="missing"),
        pytest.param({"TASKMANAGER_FAULTS": "crash_at_strt"}, "taskmanager-api: TASKMANAGER_FAULTS: unknown fault 'crash_at_strt'; did you mean 'crash_at_start'?\n", id="unknown fault"),
        pytest.param({"TASKMANAGER_FAULTS": "latency_ms=1", "ENVIRONMENT": "production"}, "taskmanager-api: TASKMANAGER_FAULTS is set and ENVIRONMENT is production: faults are never made in production; unset it\n", id="faults in production"),
        pytest.param({"DATABASE_URL": "postgresql://u:p@h/d"}, "taskmanager-api: DATABASE_URL: postgresql is not supported (sqlite or mysql)\n", id="another database"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_ends_with_one_line(run, variables, line):
    api = run(API, **variables)
    assert api.popen.wait(30) == 78
    assert api.output() == line


def test_crash_at_start_ends_as_an_error_that_nobody_caught(run):
    api = run(API, TASKMANAGER_FAULTS="crash_at_start")
    assert api.popen.wait(30) == 1
    output = api.output()
    assert output.startswith("Traceback (most recent call last):\n")
    assert output.endswith("RuntimeError: crash_at_start: this release cannot start (TASKMANAGER_FAULTS)\n")


def test_crash_after_ends_a_process_that_served(run):
    api = run(API, TASKMANAGER_FAULTS="crash_after=1.5").wait_until_ready()
    assert api.popen.wait(30) == 1
    assert api.output().endswith("RuntimeError: crash_after: this release ends after 1.5 s (TASKMANAGER_FAULTS)\n")


def test_slow_start_opens_the_port_late(run):
    began = time.monotonic()
    api = run(API, TASKMANAGER_FAULTS="slow_start=3")
    api.wait_until_ready()
    assert time.monotonic() - began >= 3


def test_ignore_sigterm_leaves_only_a_kill(run):
    api = run(API, DRAIN_SECONDS="0", TASKMANAGER_FAULTS="ignore_sigterm").wait_until_ready()
    api.popen.send_signal(signal.SIGTERM)
    api.wait_for(lambda: "SIGTERM is ignored" in api.output())
    assert api.get("/ready")[0] == 200
    api.popen.kill()
    assert api.popen.wait(30) == -signal.SIGKILL


def test_a_leak_takes_real_memory(run):
    api = run(API, TASKMANAGER_FAULTS="leak_mb_per_second=40").wait_until_ready()
    first = resident_mb(api.popen.pid)
    api.wait_for(lambda: resident_mb(api.popen.pid) > first + 30)


def resident_mb(pid):
    with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.parametrize(("path", "code"), [("/health", 0), ("/nowhere", 1)])
def test_the_health_command_without_curl(run, path, code):
    api = run(API, DRAIN_SECONDS="0").wait_until_ready()
    command = [sys.executable, "-I", "-S", "taskmanager/probe.py", f"http://localhost:{api.port}{path}"]
    assert subprocess.run(command, cwd=SOURCE, check=False, capture_output=True, timeout=20).returncode == code
    api.popen.kill()
    api.popen.wait()
    assert subprocess.run(command, cwd=SOURCE, check=False, capture_output=True, timeout=20).returncode == 1


def test_migrations_tell_by_their_exit_code(run, tmp_path):
    url = f"sqlite:///{tmp_path}/new/x.db"
    for _ in range(2):
        migrations = run(MIGRATE, DATABASE_URL=url, JWT_SECRET_KEY=None)
        assert migrations.popen.wait(60) == 0, migrations.output()
    last = json.loads(migrations.output().splitlines()[-1])
    assert (last["event"], last["before"] == last["after"]) == ("the schema is the newest", True)
    (tmp_path / "broken.db").write_bytes(b"this is no database, whatever its name says")
    broken = run(MIGRATE, DATABASE_URL=f"sqlite:///{tmp_path}/broken.db")
    assert broken.popen.wait(60) == 1
    assert "file is not a database" in broken.output()
    assert run(MIGRATE, DATABASE_URL=None).popen.wait(60) == 78


def test_two_migrations_at_once_wait_for_each_other(run, tmp_path):
    url = f"sqlite:///{tmp_path}/x.db"
    lock = tmp_path / "x.db.migrating"
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR, 0o660)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    both = [run(MIGRATE, DATABASE_URL=url) for _ in range(2)]
    for migrations in both:
        migrations.wait_for(lambda pid=migrations.popen.pid: has_open(pid, lock))
    os.close(descriptor)
    assert [migrations.popen.wait(60) for migrations in both] == [0, 0]
    upgraded = sum("Running upgrade  -> 0001" in migrations.output() for migrations in both)
    assert upgraded == 1


def has_open(pid, path):
    folder = f"/proc/{pid}/fd"
    try:
        return any(os.path.realpath(f"{folder}/{name}") == str(path) for name in os.listdir(folder))  # noqa: PTH208
    except OSError:
        return False
