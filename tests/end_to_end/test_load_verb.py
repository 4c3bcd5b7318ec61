"""`fairway load` finds the local load balancer by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from tests.end_to_end.engine_process import SOURCE, Balancer
from tests.end_to_end.traffic import wait_for_an_answer

pytestmark = pytest.mark.slow


def load(engine, folder, *words):
    return subprocess.run(
        [sys.executable, "-m", "fairway.cli.main", "load", "--port", str(engine.port), *words],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "XDG_RUNTIME_DIR": str(folder)},
        check=False,
    )


def test_the_address_is_that_of_the_listener_s_tag(engine, balancer, make_target, tmp_path):
    balancer.register("blue", make_target())
    wait_for_an_answer(balancer.port)
    ended = load(engine, tmp_path, "--seconds", "1", "--rate", "100", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    summary = json.loads(ended.stdout.splitlines()[-1])
    assert (summary["address"], summary["requests"]) == (f"http://127.0.0.1:{balancer.port}", 100)


def test_no_listener_is_told_with_the_remedy(engine, tmp_path):
    ended = load(engine, tmp_path)
    assert ended.returncode == 2
    assert "has no load balancer" in ended.stderr
    assert "fairway up" in ended.stderr


def test_several_listeners_are_named(engine, tmp_path):
    ports = [Balancer(engine, name, groups=("one",)).port for name in ("web", "admin")]
    ended = load(engine, tmp_path)
    assert ended.returncode == 2
    assert all(f"http://127.0.0.1:{port}" in ended.stderr for port in ports)


def test_no_engine_is_told_with_the_remedy(engine, tmp_path):
    engine.stop()
    ended = load(engine, tmp_path)
    assert ended.returncode == 1
    assert "no engine answers" in ended.stderr
