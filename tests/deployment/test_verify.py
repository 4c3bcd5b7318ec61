"""Verification: what AWS says in virtual time, and checks against a real server that misbehaves."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import Any, cast

import pytest
from tests.deployment.after import Kept, World, a_newer_deployment, a_subject
from tests.deployment.builders import GROUP, a_definition, a_rollout, a_service, a_task
from tests.endpoint.server import hang, huge, make_certificate, says, serving

from fairway.aws.session import AwsError, CredentialsError
from fairway.deployment import verify as module
from fairway.deployment.one_off import run_like
from fairway.deployment.standing import lacks
from fairway.deployment.subject import Health
from fairway.deployment.verify import verify
from fairway.observed import Target
from fairway.project.checks import JourneyCheck, RequestCheck
from fairway.project.journey import read_journey

NEW, OLD = {"version": "v2"}, {"version": "v1"}
VERSION = RequestCheck("/version", json={"version": "{{ tag }}"}, requests=50)


def check(*checks, world=None, url=None, version="v2", timeout=2.0, subject=None):
    world = world or World()
    kept = Kept()
    subject = subject or a_subject(verify=checks)
    found = verify(
        cast("Any", world), cast("Any", world), kept, [subject], version=version, url=url, seconds=60, timeout=timeout
    )
    json.dumps(found["api"].evidence)
    return found["api"], kept


@pytest.fixture(autouse=True)
def virtual_time(monkeypatch):
    """Patience is by the world's time, which waiting moves."""
    worlds: list[World] = []
    original = World.__post_init__

    def remember(self):
        original(self)
        worlds.append(self)

    monkeypatch.setattr(World, "__post_init__", remember)
    monkeypatch.setattr(module, "monotonic", lambda: worlds[-1].seconds)


# -- from AWS ----------------------------------------------------------------------------------------------------------


def test_a_service_that_stands_as_deployed():
    finding, kept = check()
    assert finding.health is Health.HEALTHY
    assert finding.text == "2 of 2 tasks of shop-api:2 (v2) run, and they alone serve behind 1 target group(s)"
    assert kept.of("verify_verdict")[0].fields["health"] == "healthy"


def test_targets_are_waited_for():
    initial = tuple(Target(GROUP, f"10.0.0.{n}", 80, "initial", "Elb.InitialHealthChecking") for n in (1, 2))
    world = World(target_states=initial)
    world.events = [(30, lambda w: setattr(w, "target_states", tuple(replace(t, state="healthy") for t in initial)))]
    finding, _ = check(world=world)
    assert finding.health is Health.HEALTHY
    assert world.seconds == 30


def targets(*states):
    return tuple(Target(GROUP, f"10.0.0.{number}", 80, state) for number, state in enumerate(states, start=1))


TASKS = [a_task(n, health="HEALTHY", address=f"10.0.0.{n}") for n in (1, 2)]
TWO = a_rollout(2, desired=2, running=2)


@pytest.mark.parametrize(
    ("rollouts", "tasks", "states", "text", "is_wrong"),
    [
        pytest.param([TWO], TASKS, targets("healthy", "healthy", "draining"), None, None, id="a draining target is out of service"),
        pytest.param([a_rollout(2, desired=2, running=1, pending=1)], TASKS[:1], targets("healthy"), "1 of 2 tasks of shop-api:2 run", False, id="a task is being started"),
        pytest.param([a_rollout(2, desired=2)], [], (), "0 of 2 tasks", True, id="none runs"),
        pytest.param([TWO, a_rollout(1, status="ACTIVE", running=1)], TASKS, targets("healthy", "healthy"), "1 tasks of shop-api:1 remain", True, id="old tasks remain"),
        pytest.param([TWO], [*TASKS, a_task(3, definition=1)], targets("healthy", "healthy"), "1 tasks of another revision", True, id="a task of another revision"),
        pytest.param([TWO], [replace(TASKS[0], health="UNHEALTHY"), TASKS[1]], targets("healthy", "healthy"), "1 of 2 tasks are UNHEALTHY", True, id="an unhealthy task"),
        pytest.param([TWO], TASKS, targets("healthy", "unhealthy"), "1 of 2 targets of api are not healthy", True, id="an unhealthy target"),
        pytest.param([TWO], TASKS, targets("healthy", "initial"), "1 of 2 targets of api are not healthy", False, id="a target that is still new"),
        pytest.param([TWO], TASKS, targets("healthy"), "1 of 2 tasks are no target of api", False, id="a task that is not registered yet"),
        pytest.param([TWO], TASKS, targets("healthy", "healthy", "healthy"), "1 targets of api in service are no tasks of the new revision", True, id="a stranger in service"),
        pytest.param([TWO], TASKS, (Target(GROUP, "i-0123", 32768, "healthy"),), None, None, id="targets that are instances do not tell their tasks"),
    ],
)  # fmt: skip
def test_what_a_service_lacks(rollouts, tasks, states, text, is_wrong):
    found = lacks(a_service(*rollouts, groups=(GROUP,)), tasks, states, a_definition(2).arn)
    if text is None:
        assert found == []
    else:
        assert text in found[0].text
        assert any(lack.is_wrong for lack in found) is is_wrong


def test_when_patience_ends_what_is_wrong_is_unhealthy_and_what_only_takes_time_is_inconclusive():
    world = World(target_states=targets("healthy", "unhealthy"))
    finding, kept = check(VERSION, world=world, url="http://127.0.0.1:1")
    assert (finding.health, world.seconds) == (Health.UNHEALTHY, 60)
    assert [change.fields["check"] for change in kept.of("verification")] == ["tasks and targets"], "nobody is asked"
    assert check(world=World(target_states=targets("healthy", "initial")))[0].health is Health.INCONCLUSIVE


def test_somebody_elses_deployment_is_not_verified():
    world = World()
    a_newer_deployment(world)
    finding, _ = check(VERSION, world=world)
    assert finding.health is Health.SUPERSEDED
    assert finding.text.startswith("superseded by shop-api:3 (v9)")


def test_an_aws_that_does_not_answer_is_asked_again():
    world = World(problem=AwsError("no answer"))
    world.events = [(20, lambda w: setattr(w, "problem", None))]
    assert check(world=world)[0].health is Health.HEALTHY
    assert check(world=World(problem=AwsError("no answer")))[0].text == "AWS cannot be asked: no answer"
    ended = World(problem=CredentialsError("the credentials have ended"))
    assert (check(world=ended)[0].health, ended.seconds) == (Health.INCONCLUSIVE, 0)


# -- requests ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
class TestRequests:
    def ask(self, *checks, certificate=None, scheme="http", **answers):
        timeout = answers.pop("timeout", 2.0)
        with serving(certificate=certificate, **answers) as server:
            finding, kept = check(*checks, url=f"{scheme}://127.0.0.1:{server.port}", timeout=timeout)
            return finding, kept, server

    def test_only_the_new_version_answers_over_new_connections(self):
        finding, _, server = self.ask(VERSION, version=says(NEW))
        assert finding.health is Health.HEALTHY
        assert finding.text.endswith("1 of 1 checks passed")
        assert server.connections == 50
        assert finding.evidence["checks"][0]["versions"] == {"v2": 50}

    def test_an_old_task_behind_the_same_address_is_found(self):
        finding, kept, _ = self.ask(VERSION, version=says(NEW, NEW, NEW, NEW, OLD))
        assert finding.health is Health.UNHEALTHY
        assert "GET /version: of 25 requests 5 by v1 were answered, not by v2" in finding.text
        assert finding.evidence["checks"][0]["versions"] == {"v2": 20, "v1": 5}
        assert kept.of("verification")[1].text.endswith("; once more")

    def test_a_single_lost_answer_is_no_failure(self):
        answers = [NEW] * 60
        answers[7] = OLD
        finding, kept, server = self.ask(VERSION, version=says(*answers, *[NEW] * 60))
        assert finding.health is Health.HEALTHY
        assert server.connections == 100
        assert [change.fields["state"] for change in kept.of("verification")] == ["passed", "failed", "passed"]

    def test_nothing_of_an_answer_is_told_but_its_version(self):
        planted = {"version": "v2", "user": "planted-user", "token": "planted-token"}
        expected = RequestCheck("/me", json={"user": "other", "token": "t"})
        finding, kept, _ = self.ask(expected, me=says(planted))
        assert finding.health is Health.UNHEALTHY
        assert "GET /me: user is not as expected (1 of 1 requests)" in finding.text
        assert "planted" not in repr((finding, kept.told))

    def test_a_version_that_is_no_version_is_not_told(self):
        finding, kept, _ = self.ask(VERSION, version=says({"version": "planted <b>html</b> " * 20}))
        assert finding.health is Health.UNHEALTHY
        assert "planted" not in repr((finding, kept.told))

    @pytest.mark.parametrize(
        ("expected", "answer", "text"),
        [
            pytest.param(RequestCheck("/health"), says({}, status=503), "answered 503, not 200", id="another status"),
            pytest.param(RequestCheck("/health", (200, 204)), says({}, status=500), "answered 500, not 200 or 204", id="one of several"),
            pytest.param(RequestCheck("/health"), says({}, status=302, Location="https://login.example.com/?next=secret"), "answered 302 to https://login.example.com, and redirects are not followed", id="a redirect"),
            pytest.param(RequestCheck("/health", json={}), says(b"<html>"), "the answer is no JSON", id="no JSON"),
            pytest.param(RequestCheck("/health", json={}), says(b"[" * 100_000), "the answer is no JSON", id="JSON that never ends"),
            pytest.param(RequestCheck("/health", json={}), huge, "the answer is larger than 1 MiB", id="a huge answer"),
            pytest.param(RequestCheck("/health"), hang, "no whole answer within 0.3 s", id="no answer"),
        ],
    )  # fmt: skip
    def test_wrong_answers(self, expected, answer, text):
        finding, _, _ = self.ask(expected, health=answer, timeout=0.3)
        assert finding.health is Health.UNHEALTHY
        assert text in finding.text
        assert "secret" not in finding.text

    def test_a_page_that_is_only_to_be_there_may_be_huge(self):
        assert self.ask(RequestCheck("/app"), app=huge)[0].health is Health.HEALTHY

    def test_slow_answers(self):
        def slow(handler, _):
            handler.server.released.wait(0.02)
            handler.give({})

        check_p95 = RequestCheck("/slow", p95_seconds=0.01, requests=20)
        finding, _, _ = self.ask(check_p95, slow=slow)
        assert finding.health is Health.UNHEALTHY
        assert "of 20 requests, the limit is 0.01 s" in finding.text
        assert self.ask(replace(check_p95, p95_seconds=1.0), slow=slow)[0].health is Health.HEALTHY

    def test_a_certificate_that_is_not_valid_is_a_failure(self, tmp_path):
        certificate = make_certificate(tmp_path, "127.0.0.1")
        finding, _, server = self.ask(RequestCheck("/health"), certificate=certificate, scheme="https", health=says({}))
        assert finding.health is Health.UNHEALTHY
        assert "the certificate of 127.0.0.1 is not valid" in finding.text
        assert server.asked == []

    def test_headers_take_secrets_from_the_environment_and_tell_none(self, monkeypatch):
        monkeypatch.setenv("SHOP_KEY", "planted-key")
        asked = RequestCheck("/health", headers={"X-Key": "${SHOP_KEY}"})
        finding, kept, server = self.ask(asked, health=says({}, status=500))
        assert server.asked[0][2]["X-Key"] == "planted-key"
        assert "planted" not in repr((finding, kept.told))

    def test_a_variable_that_is_not_set_is_said_and_is_a_failure_only_if_the_check_is_required(self):
        asked = RequestCheck("/health", headers={"X-Key": "${SHOP_KEY}"})
        finding, _, server = self.ask(asked, health=says({}))
        assert finding.health is Health.HEALTHY
        assert finding.text.endswith("GET /health: not checked: ${SHOP_KEY} is not set")
        assert server.asked == []
        assert self.ask(replace(asked, required=True), health=says({}))[0].health is Health.UNHEALTHY

    def test_what_cannot_be_reached_from_here_is_said_and_is_no_failure_unless_it_is_required(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
            finding, _ = check(VERSION, url=url)
            assert finding.health is Health.HEALTHY
            assert "GET /version: not checked from here: 127.0.0.1:" in finding.text
            assert check(replace(VERSION, required=True), url=url)[0].health is Health.UNHEALTHY
        assert "the environment says no url" in check(VERSION)[0].text

    def test_without_a_version_there_is_nothing_to_compare_with(self):
        with serving(version=says(NEW)) as server:
            subject = a_subject(verify=(VERSION,), definition=a_definition(2, version=""))
            finding, _ = check(url=f"http://127.0.0.1:{server.port}", version=None, subject=subject)
            assert "not checked: {{ tag }} is not known" in finding.text


# -- journeys ----------------------------------------------------------------------------------------------------------

JOURNEY = """
[[step]]
name = "sign in"
method = "POST"
path = "/login"
json = { email = "{{ random }}@example.com", password = "${JOURNEY_PASSWORD}" }
save = { token = "access_token", id = "user.id" }

[[step]]
path = "/users/{{ id }}"
headers = { Authorization = "Bearer {{ token }}" }
expect = { id = "{{ id }}" }

[[step]]
method = "POST"
path = "/notes"
form = { text = "a b", by = "{{ id }}" }
headers = { Authorization = "Bearer {{ token }}" }
status = 201
save = { note = "id" }

[[step]]
path = "/broken"

[[step]]
name = "clean up"
method = "DELETE"
path = "/notes/{{ note }}"
headers = { Authorization = "Bearer {{ token }}" }
status = [200, 204]
always = true
"""


@pytest.mark.slow
class TestJourneys:
    @pytest.fixture(autouse=True)
    def password(self, monkeypatch):
        monkeypatch.setenv("JOURNEY_PASSWORD", "planted-password")

    @pytest.fixture
    def journey(self, tmp_path):
        (tmp_path / "api.journey.toml").write_text(JOURNEY)
        return JourneyCheck(tmp_path / "api.journey.toml", read_journey(tmp_path / "api.journey.toml", {}))

    def play(self, journey, **answers):
        known = {
            "login": says({"access_token": "planted-token", "user": {"id": 7}}),
            "users_7": says({"id": 7, "name": "planted-name"}),
            "notes": says({"id": "n/1"}, status=201),
            "broken": says({}),
            "other": says({}),
        }
        with serving(**known | answers) as server:
            finding, kept = check(journey, url=f"http://127.0.0.1:{server.port}")
            assert "planted" not in repr((finding, kept.told)), "nothing that was sent or received is told"
            return finding, server.asked

    def test_each_step_is_given_what_those_before_it_gave(self, journey):
        finding, asked = self.play(journey)
        assert finding.health is Health.HEALTHY
        sign_in, user, note, _, clean = asked
        assert json.loads(sign_in[3])["password"] == "planted-password"
        assert len(json.loads(sign_in[3])["email"]) == 12 + len("@example.com")
        assert user[:2] == ("GET", "/users/7")
        assert user[2]["Authorization"] == "Bearer planted-token"
        assert (note[3], note[2]["Content-Type"]) == (b"text=a+b&by=7", "application/x-www-form-urlencoded")
        assert clean[:2] == ("DELETE", "/notes/n%2F1")
        steps = finding.evidence["checks"][0]["steps"]
        assert [step["status"] for step in steps] == [200, 200, 201, 200, 200]

    def test_random_is_another_one_in_each_journey(self, journey):
        emails = {json.loads(self.play(journey)[1][0][3])["email"] for _ in range(2)}
        assert len(emails) == 2

    @pytest.mark.parametrize(
        ("answers", "text", "last"),
        [
            pytest.param({"login": says({"error": "planted"}, status=401)}, "sign in: answered 401, not 200", "/login", id="a status"),
            pytest.param({"login": says({"user": {"id": 7}})}, "sign in: the answer has no access_token", "/login", id="nothing to save"),
            pytest.param({"login": says({"access_token": ["planted"], "user": {"id": 7}})}, "access_token of the answer is no text", "/login", id="a list to save"),
            pytest.param({"users_7": says({"id": 8})}, "GET /users/{{ id }}: id is not as expected", "/users/7", id="another user"),
            pytest.param({"broken": says({}, status=500)}, "GET /broken: answered 500, not 200", "/notes/n%2F1", id="what was made is cleaned up"),
        ],
    )  # fmt: skip
    def test_a_step_that_fails_ends_the_journey_but_for_cleaning_up(self, journey, answers, text, last):
        finding, asked = self.play(journey, **answers)
        assert finding.health is Health.UNHEALTHY
        assert text in finding.text
        assert asked[-1][1] == last

    def test_what_could_not_be_cleaned_up_is_said(self, journey):
        finding, _ = self.play(journey, broken=says({}, status=500), other=says({}, status=500))
        assert "(and was not cleaned up: clean up)" in finding.text

    def test_a_password_that_is_not_set_is_said(self, journey, monkeypatch):
        monkeypatch.delenv("JOURNEY_PASSWORD")
        finding, asked = self.play(journey)
        assert finding.health is Health.HEALTHY
        assert finding.text.endswith("api.journey.toml: not checked: ${JOURNEY_PASSWORD} is not set")
        assert asked == []


# -- tasks inside the VPC ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "run", "expected"),
    [
        pytest.param({"networkConfiguration": {"n": 1}, "launchType": "FARGATE", "desiredCount": 5}, None, {"networkConfiguration": {"n": 1}, "launchType": "FARGATE"}, id="as the service runs"),
        pytest.param({"launchType": "FARGATE", "capacityProviderStrategy": [{"c": 1}]}, None, {"capacityProviderStrategy": [{"c": 1}]}, id="a strategy excludes a launch type"),
        pytest.param({"capacityProviderStrategy": [{"c": 1}], "platformVersion": "1.4.0"}, {"launchType": "FARGATE"}, {"platformVersion": "1.4.0", "launchType": "FARGATE"}, id="the project says otherwise"),
        pytest.param({"launchType": "FARGATE"}, {"overrides": {"o": 1}}, {"launchType": "FARGATE", "overrides": {"o": 1}}, id="and adds to it"),
    ],
)  # fmt: skip
def test_a_task_runs_as_the_service_does(service, run, expected):
    assert run_like(service, run) == expected
