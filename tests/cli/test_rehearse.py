"""`fairway rehearse` on models: GO, NO-GO, and nothing left behind, whatever ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.conftest import TOML, ProjectFolder, a_definition, a_service, read_line

from fairway.cli.main import main

PRODUCTION = 'account = "999988887777"\nregion = "eu-west-1"\ncluster = "shop-production"\n'
LOCAL = 'region = "us-east-1"\ncluster = "shop-local"\n'
OVERRIDES = """
[services.api.overrides.service]
desiredCount = 3

[services.api]
monitor = { minutes = 15 }
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A project with two environments, and no engine."""
    (tmp_path / "deploy" / "environments").mkdir(parents=True)
    (tmp_path / "fairway.toml").write_text(TOML)
    (tmp_path / "deploy" / "environments" / "production.toml").write_text(PRODUCTION + OVERRIDES)
    (tmp_path / "deploy" / "environments" / "local.toml").write_text(LOCAL)
    folder = ProjectFolder(tmp_path, "shop")
    for key in ("worker", "api"):
        folder.write(f"{key}.task.json", a_definition(f"shop-{key}"))
        folder.write(f"{key}.service.json", a_service(key))
    folder.write("migrations.task.json", a_definition("shop-migrations"))
    network = a_service("x")["networkConfiguration"]
    folder.write("migrations.run.json", {"launchType": "FARGATE", "networkConfiguration": network})
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def temporary():
    """A folder for temporary files that nobody else uses: what is left there was left by the rehearsal."""
    with tempfile.TemporaryDirectory(prefix="rehearse-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def begin(shop, temporary, *words):
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
        "TMPDIR": str(temporary),
        # it uses no credentials, and these would be refused by everybody
        "AWS_PROFILE": "there-is-no-such-profile",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "fairway.cli.main", "rehearse", "--env", "production", "--tag", "v2", *words],
        cwd=shop.root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rehearse(shop, temporary, *words):
    """(exit code, events, standard error)."""
    process = begin(shop, temporary, "--json", *words)
    out, err = process.communicate(timeout=240)
    return process.returncode, [json.loads(line) for line in out.splitlines()], err


def left_in(temporary):
    """Folders and processes that a rehearsal left."""
    folders = [entry.name for entry in temporary.iterdir()]
    processes = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(temporary).encode() in (entry / "cmdline").read_bytes():
                processes.append(entry.name)
        except OSError:
            continue
    return folders + processes


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_good_release_is_go_and_each_fault_is_caught(shop, temporary):
    # one by a rule on a bus of production's, one by a schedule
    toml = shop.root / "fairway.toml"
    scheduled = {"cleanup": ('rule = "night/cleanup"', "[]"), "digest": ('schedule = "digest"', '["api"]')}
    for key, (by, after) in scheduled.items():
        shop.write(f"{key}.task.json", a_definition(f"shop-{key}"))
        said = f'[scheduled.{key}]\ndefinition = "deploy/{key}.task.json"\n{by}\nafter = {after}\n'
        toml.write_text(f"{toml.read_text()}\n{said}")
    code, events, err = rehearse(shop, temporary, "--stage", "scale", "--quick", "--from-tag", "v1")
    by_kind = {event["event"]: event for event in events}
    assert code == 0, err + str(by_kind.get("rehearsed"))
    acts = {event["act"]: event for event in events if event["event"] == "act"}
    assert list(acts) == ["baseline", "release", "rollback", "api:crash_at_start", "api:crash_after", "migrations:fails", "kill_and_resume"]  # fmt: skip
    assert {act["ended"] for act in acts.values()} == {"as expected"}
    assert acts["api:crash_at_start"]["caught_by"] in {"ECS circuit breaker", "early give-up"}
    assert acts["api:crash_after"]["caught_by"] == "monitoring"
    assert acts["api:crash_after"]["told_after_engine_seconds"] >= 300
    assert acts["migrations:fails"]["exit_code"] == 5
    assert acts["release"]["capacity"]["api"] == {"lowest": 3, "desired": 3, "bound": 3}
    assert acts["kill_and_resume"]["remarks"] == ["killed by SIGKILL at service_updated"]
    # the document and the page
    page = Path(by_kind["report"]["path"])
    report = json.loads(page.with_suffix(".json").read_text())
    assert report["go"] is True
    assert report["from_version"] == "v1"
    assert [act["act"] for act in report["acts"]] == list(acts)
    differs = {item["where"]: item["reason"] for item in report["differs"]["scale"]}
    assert differs == dict.fromkeys(differs, "another account")
    html = page.read_text()
    assert "GO" in html
    assert "<script" not in html
    assert left_in(temporary) == []


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_what_cannot_be_deployed_is_no_go_with_the_reason_first(shop, temporary):
    shop.label("worker", exit_after="1", exit_code="1")
    code, events, err = rehearse(shop, temporary, "--stage", "scale", "--quick")
    assert code == 4, err
    rehearsed = events[-1]
    assert rehearsed["go"] is False
    assert "what lives now" in rehearsed["reasons"][0]
    assert "not played: release, rollback" in rehearsed["reasons"][-1]
    assert left_in(temporary) == []


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_rehearsal_leaves_nothing(shop, temporary, number, expected):
    process = begin(shop, temporary, "--json", "--stage", "scale", "--quick")
    while True:
        event = json.loads(read_line(process, 60))
        if event["event"] == "act_started" and event["act"] == "release":
            break
    assert left_in(temporary) != []
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == expected, err
    assert json.loads(out.splitlines()[-1])["event"] == "interrupted"
    assert left_in(temporary) == []


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_what_a_killed_rehearsal_left_is_ended_by_the_next_one(shop, temporary):
    process = begin(shop, temporary, "--json", "--stage", "scale", "--act", "release")
    while json.loads(read_line(process, 60))["event"] != "act_started":
        pass
    process.kill()
    process.communicate(timeout=60)
    assert left_in(temporary) != []
    code, _, err = rehearse(shop, temporary, "--stage", "scale", "--quick", "--act", "release")
    assert code == 0, err
    assert left_in(temporary) == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        pytest.param(["--tag", "v2"], "rehearse for which environment?", id="no environment"),
        pytest.param(["--env", "production"], "--tag", id="no tag"),
        pytest.param(["--env", "production", "--tag", "v2", "--tasks", "0"], "--tasks 0: from 1 to 20", id="no task"),
        pytest.param(["--env", "production", "--tag", "v2", "--rate", "-1"], "--rate must be 0 or more", id="a rate below zero"),
        pytest.param(["--env", "production", "--tag", "v2", "--speed", "0"], "--speed 0: from 1 to 1000", id="no speed"),
        pytest.param(["--env", "produktion", "--tag", "v2"], "there is no environment 'produktion'", id="no such environment"),
        pytest.param(["--env", "production", "--tag", "v2", "--stage", "truth"], "no image definition", id="nothing can be built"),
        pytest.param(["--env", "production", "--tag", "v2", "--stage", "scale", "--act", "nonsense"], "there is no act 'nonsense'", id="no such act"),
    ],
)  # fmt: skip
def test_wrong_words_are_refused_before_an_engine_starts(shop, capsys, words, text):
    assert main(["rehearse", *words]) == 2
    assert text in capsys.readouterr().err


def test_a_service_that_nobody_describes_cannot_be_rehearsed(shop, capsys):
    document = (shop.root / "fairway.toml").read_text().replace('service = "deploy/api.service.json"\n', "")
    (shop.root / "fairway.toml").write_text(document)
    assert main(["rehearse", "--env", "production", "--tag", "v2"]) == 2
    assert "api has no service definition" in capsys.readouterr().err
