"""Jobs are enqueued through the API while it and the worker are deployed, rolled back and killed: each effect happens once."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
from collections import Counter

import pytest
import redis
from kombu.connection import Connection
from tests.end_to_end.calls import call
from tests.end_to_end.enqueuing import CLIENTS, Enqueuing
from tests.end_to_end.stack import until
from tests.taskmanager.mariadb import WHY_NOT

from fairway.clock import monotonic
from fairway.ids import RandomIds

pytestmark = pytest.mark.timeout(400)
PASSWORD = "correct horse"
FRESH_SECONDS = 600.0
"""Shorter than an access token lives."""
BESIDE_A_KILL = 5.0
"""Seconds in which requests to a killed task may fail, until the balancer has noticed."""


class Team:
    """Two users of a project: one gives tasks to the other, who hears of each from the worker."""

    def __init__(self, stack):
        self.stack = stack
        self._read_since = self._given_since = monotonic()
        self._lock = threading.Lock()
        mark = RandomIds().hexadecimal(8)
        self.giver, self.taker = (self._register(f"{name}-{mark}@example.org") for name in ("giver", "taker"))
        token = self.giver["access_token"]
        _, project = call(stack, "POST", "/projects", {"name": "Work"}, token)
        self.project = project["id"]
        member = {"email": self.taker["email"], "role": "editor"}
        status, answer = call(stack, "POST", f"/projects/{self.project}/members", member, token)
        assert status == 201, answer

    def _register(self, email):
        status, user = call(self.stack, "POST", "/users", {"email": email, "name": "Somebody", "password": PASSWORD})
        assert status == 201, user
        return {**self._sign_in(email), "email": email, "id": user["id"]}

    def _sign_in(self, email):
        return call(self.stack, "POST", "/login", {"email": email, "password": PASSWORD})[1]

    def _ask(self, path):
        """As the taker, who waits for longer than an access token lives."""
        if monotonic() - self._read_since > FRESH_SECONDS:
            self._read_since = monotonic()
            self.taker |= self._sign_in(self.taker["email"])
        status, answer = call(self.stack, "GET", path, token=self.taker["access_token"])
        assert status == 200, answer
        return answer

    def enqueuing(self, number, rate):
        return Enqueuing(self.stack, number, rate, self.project, self.taker["id"], self.giver_token)

    def giver_token(self):
        """What the giver shows. It is refreshed in time, as a client does who stays signed in for longer than it lives."""
        with self._lock:
            if monotonic() - self._given_since > FRESH_SECONDS:
                shown = {"refresh_token": self.giver["refresh_token"]}
                status, fresh = until(
                    lambda: a_success(self.stack, "POST", "/auth/refresh", shown), what="a refreshed sign-in"
                )
                assert status == 200, fresh
                self.giver |= fresh
                self._given_since = monotonic()
            return self.giver["access_token"]

    def heard(self):
        """How many notifications the taker has."""
        return self._ask("/notifications/unread-count")["unread"]

    def effects(self):
        """Title -> how often the taker was told of it."""
        found: Counter[str] = Counter()
        cursor: str | None = ""
        while cursor is not None:
            path = "/notifications?limit=200" + (f"&cursor={cursor}" if cursor else "")
            page = self._ask(path)
            found.update(item["text"] for item in page["results"])
            cursor = page["next_cursor"]
        return found


def a_success(stack, method, path, document):
    """The answer; None while nobody gives one, as beside a kill."""
    try:
        status, answer = call(stack, method, path, document)
    except (OSError, http.client.HTTPException):
        return None
    return None if status in {502, 503, 504} else (status, answer)


class Broker:
    """The queue, as somebody sees it who has the data directory."""

    def __init__(self, stack):
        known = json.loads((stack.data / "stores" / "valkey.json").read_text())
        self._url = f"redis://:{known['password']}@127.0.0.1:{known['port']}/1"
        self._rested_at = monotonic()

    def length(self):
        with redis.Redis.from_url(self._url) as client:
            return client.llen("taskmanager") + client.hlen("unacked")

    def let_time_pass(self):
        """Now and then: as if the minutes were over after which what nobody acknowledged goes to another worker.

        That counts for what a living worker has just taken, too: it is done twice then, and still has one effect.
        """
        if monotonic() - self._rested_at < 5:
            return
        self._rested_at = monotonic()
        with Connection(self._url, transport_options={"visibility_timeout": 0}) as connection:
            connection.default_channel.qos.restore_visible(num=1_000, interval=1)


def kill(stack, module):
    """SIGKILL to the process of one task; the moment."""
    victim = until(lambda: stack.programs(module), what=f"a process of {module}")[0]
    os.kill(victim, signal.SIGKILL)
    return monotonic()


def assert_signed_in(stack, person):
    """Somebody who signed in before the deployments still is, and can stay so."""
    assert call(stack, "GET", "/users/me", token=person["access_token"])[0] == 200
    status, fresh = call(stack, "POST", "/auth/refresh", {"refresh_token": person["refresh_token"]})
    assert status == 200, fresh
    assert call(stack, "GET", "/users/me", token=fresh["access_token"])[0] == 200


def assert_each_effect_once(stack, team, jobs, number, kills, seconds):
    hit = {one.number for one in jobs.failed if any(moment <= one.at < moment + BESIDE_A_KILL for moment in kills)}
    others = [one for one in jobs.failed if one.number not in hit]
    assert not others, f"{len(others)} of {number} requests failed far from any kill: {others[:5]}"
    again = [one for one in jobs.failed if not one.is_under_way]
    assert len(again) <= 2 * CLIENTS * max(len(kills), 1), (
        f"more than were under way when something was killed: {again}"
    )
    broker = Broker(stack)

    def all_told():
        if team.heard() >= number and broker.length() == 0:
            return True
        # also when all is told: a worker may be killed between the effect of a job and its acknowledgement
        broker.let_time_pass()
        return False

    until(all_told, seconds=seconds, what=f"{number} effects and an empty queue")
    assert team.effects() == {jobs.title(n): 1 for n in range(number)}


@pytest.mark.slow
def test_a_deployment_and_a_kill_cost_no_job_and_no_session(stack):
    team, number = Team(stack), 200
    with team.enqueuing(number, rate=20.0) as jobs:
        deploying = stack.begin("deploy", "--tag", "jobs-1", "--skip", "monitor")
        jobs.wait_for(0.3)
        kill(stack, "taskmanager.worker")
        said, _ = deploying.communicate(timeout=200)
        assert deploying.returncode == 0, said
        jobs.wait_for(1.0)
    assert_signed_in(stack, team.giver)
    assert_each_effect_once(stack, team, jobs, number, kills=[], seconds=180)


@pytest.mark.campaign
@pytest.mark.timeout(2400)
@pytest.mark.parametrize(
    "name", ["stack", pytest.param("mysql_stack", marks=pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT)))]
)
def test_ten_thousand_jobs_outlive_deployments_rollbacks_and_kills(request, name):
    stack = request.getfixturevalue(name)
    team, number = Team(stack), 10_000
    kills = []
    with team.enqueuing(number, rate=100.0) as jobs:
        stack.run("deploy", "--tag", "campaign-1", "--skip", "monitor")
        kills.append(kill(stack, "taskmanager.worker"))
        broken = ("--set", "worker:TASKMANAGER_FAULTS=crash_at_start", "--set", "api:TASKMANAGER_FAULTS=crash_at_start")
        said = stack.run("deploy", "--tag", "campaign-broken", "--skip", "monitor", *broken, code=4)
        assert "rolled back" in said
        said = stack.run(
            "deploy", "api", "--tag", "campaign-sick", "--set", "api:TASKMANAGER_FAULTS=crash_at_start", code=4
        )
        assert "rolled back" in said
        kills.append(kill(stack, "taskmanager.main"))
        deploying = stack.begin("deploy", "--tag", "campaign-2", "--skip", "monitor")
        jobs.wait_for(jobs.done / number + 0.05)
        kills += [kill(stack, "taskmanager.worker"), kill(stack, "taskmanager.main")]
        said, _ = deploying.communicate(timeout=280)
        assert deploying.returncode == 0, said
        kills.append(kill(stack, "taskmanager.worker"))
        stack.run("rollback", "--yes")
        stack.kill_engine()
        stack.run("engine", "start")
        jobs.wait_for(1.0)
    assert_signed_in(stack, team.giver)
    assert_each_effect_once(stack, team, jobs, number, kills, seconds=1800)
