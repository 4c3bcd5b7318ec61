"""env and doctor, and how quickly the command line answers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import run_engine

from fairway.cli import checkup

SOURCE = Path(__file__).parent.parent.parent / "src"
VERBS = ["deploy", "status", "watch", "why", "history", "rollback", "logs", "env", "doctor"]


def test_env_is_what_a_shell_evaluates(fairway, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAIRWAY_ENDPOINT", "http://127.0.0.1:21001")
    code, out, _ = fairway("env")
    assert code == 0
    shell = f"{out}\nenv"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True, env={"AWS_PROFILE": "prod"})
    variables = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:21001"
    assert variables["FAIRWAY_ENDPOINT"] == "http://127.0.0.1:21001"
    assert variables["AWS_REGION"] == "us-east-1"
    assert variables["AWS_ACCESS_KEY_ID"]
    assert "AWS_PROFILE" not in variables, "a profile would come before the keys"
    _, undo, _ = fairway("env", "--unset")
    done = subprocess.run(["sh", "-c", f"{out}\n{undo}\nenv"], capture_output=True, text=True, check=True, env={})
    assert "AWS_ENDPOINT_URL" not in done.stdout
    code, out, _ = fairway("env", "--json")
    assert json.loads(out)["variables"]["AWS_SECRET_ACCESS_KEY"] == "local"


def test_env_is_for_the_engine_alone(fairway, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, _, err = fairway("env", "--env", "production")
    assert code == 2
    assert "production is on AWS itself" in err


@pytest.mark.slow
def test_doctor_finds_an_engine_and_says_how_to_mend(fairway, engine, monkeypatch, tmp_path):
    monkeypatch.setenv("FAIRWAY_PORT", str(engine.port))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # it has no business between two ends of one machine
    code, out, _ = fairway("doctor", "--json", "--data", str(tmp_path / "data"))
    found = {entry["check"]: entry for entry in map(json.loads, out.splitlines())}
    assert code == (1 if any(entry["state"] == "broken" for entry in found.values()) else 0)
    assert found["endpoint"]["text"].startswith(f"an engine answers at {engine.endpoint}")
    assert {"python", "uv", "envoy", "valkey", "ports", "inotify", "cgroups", "user", "disk", "data"} <= set(found)
    assert all(entry["mend"] for entry in found.values() if entry["state"] == "broken")
    code, out, _ = fairway("doctor", "--data", str(tmp_path))
    assert "python" in out


def test_doctor_names_who_has_the_port(monkeypatch, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("FAIRWAY_PORT", str(port))
        [endpoint] = [found for found in checkup._engine_and_ports(port, None) if found.check == "endpoint"]
    assert endpoint.state == checkup.State.BROKEN
    assert f"process {os.getpid()}" in endpoint.text
    assert "--port N" in endpoint.mend


@pytest.mark.slow
@pytest.mark.parametrize("way", ["port", "data"])
def test_doctor_looks_at_the_engine_that_is_named(fairway, monkeypatch, tmp_path, way):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "default"))
    monkeypatch.delenv("FAIRWAY_DATA", raising=False)
    monkeypatch.delenv("FAIRWAY_PORT", raising=False)
    data = tmp_path / "own"
    with run_engine(data) as own:
        words = ["--port", str(own.port)] if way == "port" else ["--data", str(data)]
        _, out, _ = fairway("doctor", "--json", *words)
    monkeypatch.delenv("FAIRWAY_PORT", raising=False)
    found = {entry["check"]: entry for entry in map(json.loads, out.splitlines())}
    assert found["data"]["text"] == str(data)
    assert f"127.0.0.1:{own.port}" in found["endpoint"]["text"]
    assert f"data in {data}" in found["endpoint"]["text"]


def test_doctor_says_that_valkey_is_gone(monkeypatch):
    health = {"version": "1", "data": "/data", "valkey": "port 6390 is taken by another program"}
    found = {item.check: item for item in checkup._engine_and_ports(4566, health)}
    assert found["valkey server"].state == checkup.State.BROKEN
    assert "port 6390 is taken" in found["valkey server"].text
    assert "valkey server" not in {
        item.check for item in checkup._engine_and_ports(4566, {**health, "valkey": "running"})
    }


def test_doctor_refuses_data_of_somebody_else(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    found = checkup._data(tmp_path)
    assert found.state == checkup.State.BROKEN
    assert "chown" in found.mend


def test_doctor_says_what_is_not_installed(monkeypatch):
    monkeypatch.setattr(checkup, "_installed", lambda name: name != "msgspec")
    [found] = checkup._engine_packages()
    assert found.state == checkup.State.BROKEN
    assert "msgspec" in found.text
    monkeypatch.setattr(checkup, "_packaged", lambda _distribution, _program: None)
    envoy = checkup._envoy()
    assert envoy.state == checkup.State.WARNING
    assert "carries requests itself, in plain Python" in envoy.text
    assert checkup._valkey().state == checkup.State.WARNING
    broken = checkup._runs("envoy", ["/nonexistent/envoy", "--version"], "install it")
    assert broken.state == checkup.State.BROKEN
    assert broken.mend == "install it"


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--help"], *([verb, "--help"] for verb in VERBS), ["deploy", "--nonsense"]])
def test_help_and_usage_errors_are_answered(words):
    command = [sys.executable, "-m", "fairway.cli.main", *words]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == (2 if "--nonsense" in words else 0), done.stderr
    assert "Traceback" not in done.stderr
    assert "fairway" in (done.stderr if done.returncode else done.stdout)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_loads_nothing_heavy_before_it_runs(verb):
    code = (
        "import sys; from fairway.cli.main import build_parser; build_parser(sys.argv[1]);"
        "print(sorted({'boto3', 'botocore', 'rich', 'fairway.engine'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, verb],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    assert done.stdout.strip() == "[]"
