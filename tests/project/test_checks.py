"""`verify`, `monitor`, `metrics` and `url`, read with what an environment says instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairway.errors import UsageError
from fairway.project.checks import JourneyCheck, MetricLimit, Monitoring, RequestCheck, TaskCheck
from fairway.project.load import load_project

DEFINITION = {"family": "shop-api", "containerDefinitions": [{"name": "api", "image": "shop-api:{{ tag }}"}]}
TOML = """
[project]
name = "shop"
default_environment = "local"

[services.api]
definition = "deploy/api.task.json"
verify = [
    { path = "/health", status = 200 },
    { path = "/version", json = { version = "{{ tag }}" }, headers = { "X-Key" = "${API_KEY}", "X-Stage" = "${STAGE}" } },
    { path = "/projects", status = [200, 204], p95_seconds = 0.2, requests = 30, required = true },
    { journey = "deploy/api.journey.toml" },
    { via = "task", task = "smoke" },
]
monitor = { minutes = 15, error_rate = 0.001, p95_seconds = 0.2 }
metrics = [{ namespace = "Shop", name = "queue", dimensions = { Stage = "${STAGE}" }, max = 100 }]

[tasks.smoke]
definition = "deploy/api.task.json"
after = ["api"]
"""
LOCAL = """
region = "us-east-1"
cluster = "shop-local"
[variables]
STAGE = "local"
"""
JOURNEY = """
[[step]]
name = "sign in"
method = "POST"
path = "/login"
json = { password = "${PASSWORD}", stage = "${STAGE}" }
save = { token = "access_token" }

[[step]]
path = "/projects/{{ random }}"
headers = { Authorization = "Bearer {{ token }}" }
expect = { results = [] }
always = true
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deploy" / "environments").mkdir(parents=True)
    (tmp_path / "fairway.toml").write_text(TOML)
    (tmp_path / "deploy" / "environments" / "local.toml").write_text(LOCAL)
    (tmp_path / "deploy" / "api.task.json").write_text(json.dumps(DEFINITION))
    (tmp_path / "deploy" / "api.journey.toml").write_text(JOURNEY)
    return tmp_path


def api(folder, local=""):
    if local:
        (folder / "deploy" / "environments" / "local.toml").write_text(LOCAL + local)
    return load_project(folder).services["api"]


def test_every_kind_of_check_is_read(folder):
    health, version, projects, journey, smoke = api(folder).verify
    assert health == RequestCheck("/health")
    assert version == RequestCheck(
        "/version",
        json={"version": "{{ tag }}"},
        headers={"X-Key": "${API_KEY}", "X-Stage": "local"},
        requests=50,
    ), "secrets wait until they are needed; a version is asked for many times"
    assert projects == RequestCheck("/projects", (200, 204), p95_seconds=0.2, requests=30, required=True)
    assert isinstance(journey, JourneyCheck)
    sign_in, visit = journey.steps
    assert sign_in.json == {"password": "${PASSWORD}", "stage": "local"}
    assert (visit.name, visit.method, visit.always) == ("GET /projects/{{ random }}", "GET", True)
    assert isinstance(smoke, TaskCheck)
    assert smoke.spec is not None
    assert smoke.spec.after == ("api",)


def test_an_environment_changes_single_keys_of_monitor(folder):
    local = '[services.api]\nmonitor = { minutes = 2, on_inconclusive = "keep" }\n'
    queue = MetricLimit("Shop", "queue", "Average", {"Stage": "local"}, max=100.0)
    assert api(folder).monitor == Monitoring(15, 0.001, 0.2, metrics=(queue,))
    assert api(folder, local).monitor == Monitoring(2, 0.001, 0.2, on_inconclusive="keep", metrics=(queue,))


def test_an_environment_replaces_verify_and_metrics_as_wholes(folder):
    text = (folder / "fairway.toml").read_text()
    (folder / "fairway.toml").write_text(
        text[: text.index("[tasks.smoke]")].replace('    { via = "task", task = "smoke" },\n', "")
    )
    spec = api(folder, '[services.api]\nverify = [{ path = "/" }]\nmetrics = []\n')
    assert spec.verify == (RequestCheck("/"),)
    assert spec.monitor is not None
    assert spec.monitor.metrics == ()


def test_the_url_is_the_checks_own_or_the_services_or_the_environments(folder):
    text = (folder / "deploy" / "environments" / "local.toml").read_text()
    (folder / "deploy" / "environments" / "local.toml").write_text(
        'url = "https://shop.example.com/"\n' + text + '[services.api]\nurl = "https://${STAGE}.example.com:8443/v1/"\n'
    )
    project = load_project(folder)
    assert project.environment.url == "https://shop.example.com"
    spec = project.services["api"]
    assert spec.url == "https://local.example.com:8443/v1"
    health = spec.verify[0]
    assert isinstance(health, RequestCheck)
    assert health.url == spec.url


def test_old_files_stay_valid(folder):
    (folder / "fairway.toml").write_text(
        TOML[: TOML.index("verify =")]
        + 'verify = [{ path = "/health", status = 200 }, { path = "/version", json = { version = "{{ tag }}" } }]\n'
        "monitor = { minutes = 15, error_rate = 0.001, p95_seconds = 0.2 }\n"
    )
    spec = api(folder)
    assert [type(check) for check in spec.verify] == [RequestCheck, RequestCheck]
    assert spec.monitor == Monitoring(15, 0.001, 0.2)
    assert spec.monitor.task_failures == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "message", "hint"),
    [
        pytest.param("toml", "p95_seconds = 0.2, requests = 30", "p95_second = 0.2", "fairway.toml:11: unknown key services.api.verify.p95_second", 'did you mean "p95_seconds"?', id="unknown key of a check"),
        pytest.param("toml", "requests = 30", "requests = 10", "fairway.toml:11: p95_seconds needs at least 20 requests, not 10", "requests = 50", id="too few for p95"),
        pytest.param("toml", '"/health"', '"health"', "fairway.toml:9: 'health' is no path", "begins with one slash", id="no path"),
        pytest.param("toml", '"/health"', '"//evil.example.com/"', "is no path", "one slash", id="another host"),
        pytest.param("toml", "status = 200", 'status = "200"', 'services.api.verify.status is "200"', "a whole number from 100 to 599", id="status is text"),
        pytest.param("toml", 'journey = "deploy/api', 'journey = "deploy/no', "no.journey.toml cannot be read: No such file", "ls -l", id="no such journey"),
        pytest.param("toml", 'via = "task"', 'via = "lambda"', 'only via = "task" is known', 'task = "NAME"', id="via something else"),
        pytest.param("toml", 'task = "smoke"', 'task = "smok"', "there is no task 'smok'", 'did you mean "smoke"?', id="no such task"),
        pytest.param("toml", 'after = ["api"]', 'before = ["api"]', "runs smoke, which does not come after api", 'after = ["api"]', id="a task that runs first"),
        pytest.param("toml", '    { via = "task", task = "smoke" },', "", "smoke comes after api, which does not run it", 'via = "task"', id="a task that nobody runs"),
        pytest.param("toml", 'after = ["api"]', 'after = ["api"]\nbefore = ["api"]', "has both before and after", "two tasks", id="before and after"),
        pytest.param("toml", 'after = ["api"]', 'after = ["apy"]', "after names no service: 'apy'", 'did you mean "api"?', id="after an unknown service"),
        pytest.param("toml", "minutes = 15, error_rate", "minuets = 15, error_rate", "fairway.toml:15: unknown key services.api.monitor.minuets", 'did you mean "minutes"?', id="unknown key of monitor"),
        pytest.param("toml", "minutes = 15, ", "", "services.api.monitor.minutes is missing", "minutes = 15", id="no minutes"),
        pytest.param("toml", "minutes = 15, ", "minutes = 1.5, ", "services.api.monitor.minutes is 1.5", "a whole number from 0 to 1440", id="half a minute"),
        pytest.param("toml", "error_rate = 0.001", "error_rate = 0", "services.api.monitor.error_rate is 0", "from 1e-06 to 1", id="an error rate that nobody can show"),
        pytest.param("toml", "error_rate = 0.001", 'on_inconclusive = "hole"', 'on_inconclusive is "hole"', 'did you mean "hold"?', id="unknown word"),
        pytest.param("toml", ", max = 100", "", "the metric queue has neither max nor min", "add max", id="a metric without a limit"),
        pytest.param("toml", "max = 100", 'max = 100, statistic = "Median"', "services.api.metrics.statistic is 'Median'", "Average, Sum", id="no such statistic"),
        pytest.param("toml", 'Stage = "${STAGE}"', 'Stage = "${STAEG}"', "${STAEG} is not set", "export STAEG=", id="a dimension that is not known"),
        pytest.param("journey", "{{ token }}", "{{ tokne }}", "needs {{ tokne }}, which no step before it saves", 'did you mean "token"?', id="a name that was not saved"),
        pytest.param("journey", "expect =", "expct =", "api.journey.toml:12: unknown key step.expct", 'did you mean "expect"?', id="unknown key of a step"),
        pytest.param("journey", 'method = "POST"', 'method = "PSOT"', 'step.method is "PSOT"', 'did you mean "POST"?', id="unknown method"),
        pytest.param("journey", 'method = "POST"', "form = { a = 1 }", "step 1 has both json and form", "one body", id="two bodies"),
        pytest.param("journey", "save = { token", "save = { random", "'random' is no name to save under", "save =", id="a name that is taken"),
        pytest.param("journey", "[[step]]", "[[stp]]", "unknown key stp", 'did you mean "step"?', id="no steps"),
        pytest.param("local", "[variables]", "[services.api]\nmonitr = 1\n[variables]", "local.toml:5: unknown key services.api.monitr", 'did you mean "monitor"?', id="unknown key of an environment"),
        pytest.param("local", "[variables]", '[services.api]\nurl = "shop.example.com"\n[variables]', "services.api.url is no address", "https://", id="no address"),
        pytest.param("local", "region", 'url = "https://user:secret@shop.example.com"\nregion', "local.toml:2: url is no address", "without user, password", id="a password in an address"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_remedy(folder, file, old, new, message, hint):
    files = {
        "toml": "fairway.toml",
        "journey": "deploy/api.journey.toml",
        "local": "deploy/environments/local.toml",
    }
    path: Path = folder / files[file]
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UsageError) as caught:
        load_project(folder)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert "secret@" not in f"{caught.value.message} {caught.value.hint}"


def test_what_the_reference_shows_is_read(folder):
    page = (Path(__file__).parents[2] / "docs" / "reference" / "verify-and-monitor.md").read_text()
    project, journey = (part.partition("```")[0] for part in page.split("```toml\n")[1:])
    (folder / "fairway.toml").write_text(project)
    (folder / "api.journey.toml").write_text(journey)
    for name in ("api", "smoke"):
        (folder / f"{name}.task.json").write_text(json.dumps(DEFINITION))
    spec = api(folder)
    assert [type(check).__name__ for check in spec.verify] == [*["RequestCheck"] * 3, "JourneyCheck", "TaskCheck"]
    assert spec.monitor is not None
    assert (spec.monitor.minutes, spec.monitor.metrics[0].max) == (15, 100.0)
