from __future__ import annotations

import asyncio
import json
import re

import pytest

from taskmanager.db import Database
from taskmanager.edge import Lifetime
from taskmanager.logs import configure_logs


def samples(text, name):
    """The samples of a metric: labels -> value."""
    found = re.findall(rf"^{name}\{{(.*)\}} (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


async def test_probes_say_what_runs(client):
    assert (await client.get("/health")).json() == {"status": "ok"}
    assert (await client.get("/ready")).json() == {"status": "ready"}
    assert (await client.get("/version")).json() == {"version": "v7", "service": "taskmanager-api"}


async def test_without_the_schema_the_process_is_alive_but_not_ready(start, tmp_path):
    client = await start(database_url=f"sqlite:///{tmp_path}/new.db")
    assert (await client.get("/health")).status_code == 200
    answer = await client.get("/ready")
    assert (answer.status_code, answer.json()["reason"]) == (503, "database: OperationalError")


async def test_a_request_without_a_database_is_a_problem_of_the_database(start, tmp_path):
    client = await start(database_url=f"sqlite:///{tmp_path}/new.db")
    answer = await client.post("/login", json={"email": "a@b.cd", "password": "correct horse"})
    assert (answer.status_code, answer.json()["code"]) == (503, "database-unavailable")
    assert answer.headers["retry-after"] == "1"


async def test_while_draining_it_serves_is_not_ready_and_closes_connections(start):
    lifetime = Lifetime()
    client = await start(lifetime)
    assert "connection" not in (await client.get("/version")).headers
    lifetime.draining = True
    ready = await client.get("/ready")
    assert (ready.status_code, ready.json()["reason"]) == (503, "draining")
    assert (await client.get("/health")).status_code == 200
    for path in ("/version", "/health", "/tasks", "/nowhere"):
        assert (await client.get(path)).headers["connection"] == "close"


async def test_requests_are_counted_by_the_template_of_their_route(client):
    for path in ("/tasks/1", "/tasks/2", "/version", "/health", "/ready", "/metrics", "/a/b/c"):
        await client.get(path)
    await client.request("BREW", "/tasks/1")
    text = (await client.get("/metrics")).text
    assert samples(text, "http_requests_total") == {
        'method="GET",route="/tasks/{task_id}",status_code="401"': 2,
        'method="GET",route="/version",status_code="200"': 1,
        'method="GET",route="unmatched",status_code="404"': 1,
        'method="OTHER",route="/tasks/{task_id}",status_code="405"': 1,
    }
    counts = samples(text, "http_request_duration_seconds_count")
    assert counts['method="GET",route="/tasks/{task_id}"'] == 2
    assert not any("health" in labels or "ready" in labels for labels in counts)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        pytest.param("abc-123", True, id="a harmless one is kept"),
        pytest.param("x" * 65, False, id="a long one is replaced"),
        pytest.param('a"b\\', False, id="one that would break a log is replaced"),
    ],
)
async def test_a_request_has_an_id(client, sent, kept):
    answer = await client.get("/tasks", headers={"X-Request-Id": sent})
    assert (answer.headers["x-request-id"] == sent) is kept
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_error_rate_spares_the_probes(start):
    client = await start(taskmanager_faults="error_rate=1")
    for path in ("/health", "/ready", "/metrics"):
        assert (await client.get(path)).status_code == 200, path
    answer = await client.get("/version")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    text = (await client.get("/metrics")).text
    assert samples(text, "http_requests_total") == {'method="GET",route="/version",status_code="500"': 1}


async def test_error_rate_hits_about_its_part_of_the_requests(start):
    client = await start(taskmanager_faults="error_rate=0.5")
    answers = [(await client.get("/version")).status_code for _ in range(200)]
    assert 40 < answers.count(500) < 160
    assert set(answers) == {200, 500}


async def test_latency_spares_the_probes(start):
    client = await start(taskmanager_faults="latency_ms=150")
    loop = asyncio.get_running_loop()

    async def seconds(path):
        began = loop.time()
        assert (await client.get(path)).status_code == 200
        return loop.time() - began

    assert await seconds("/version") >= 0.15
    fast = [await seconds(path) for path in ("/health", "/health", "/health")]
    assert min(fast) < 0.15
    assert (
        samples((await client.get("/metrics")).text, "http_request_duration_seconds_sum")[
            'method="GET",route="/version"'
        ]
        >= 0.15
    )


async def test_unhealthy_after_fails_the_health_check_alone(start):
    lifetime = Lifetime()
    client = await start(lifetime, taskmanager_faults="unhealthy_after=60")
    assert (await client.get("/health")).status_code == 200
    lifetime.started -= 60
    assert (await client.get("/health")).status_code == 503
    assert (await client.get("/version")).status_code == 200


async def test_logs_are_json_and_hold_no_secret(start, capsys):
    configure_logs("INFO", "taskmanager-api", "v7")
    client = await start()
    body = {"email": "ann@example.org", "name": "Ann\u2028", "password": "correct horse"}
    await client.post("/users", json=body, headers={"X-Request-Id": "r-1"})
    token = (await client.post("/login", json=body | {"name": None})).text
    await client.get("/version")
    await client.get("/health")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["path"], line["status"]) for line in requests] == [("/users", 201), ("/login", 422)]
    assert requests[0]["request_id"] == "r-1"
    assert {(line["service"], line["version"]) for line in lines} == {("taskmanager-api", "v7")}
    assert "correct horse" not in json.dumps(lines)
    assert "correct horse" not in token


async def test_readers_do_not_wait_for_the_writer(database_url, client):
    database = Database(database_url)
    async with database.transaction() as session:
        await session.connection()
        async with asyncio.timeout(2):
            assert (await client.get("/ready")).status_code == 200
    await database.close()
