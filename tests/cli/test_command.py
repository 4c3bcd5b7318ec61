"""Next commands can be pasted."""

from __future__ import annotations

import pytest

from fairway.cli.command import command


@pytest.mark.parametrize(
    ("script", "port", "environment", "expected"),
    [
        pytest.param(False, None, None, "fairway watch api", id="plain"),
        pytest.param(True, None, None, "./fairway watch api", id="the script of this folder"),
        pytest.param(False, "4600", None, "fairway watch api --port 4600", id="another port"),
        pytest.param(False, "4600", "local", "fairway watch api --port 4600 --env local", id="local was said"),
        pytest.param(True, "4600", "production", "./fairway watch api --env production", id="AWS has no such port"),
    ],
)
def test_a_command_is_written_as_this_one_was(tmp_path, monkeypatch, script, port, environment, expected):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FAIRWAY_PORT", raising=False)
    if port is not None:
        monkeypatch.setenv("FAIRWAY_PORT", port)
    if script:
        (tmp_path / "fairway").write_text("#!/bin/sh\n")
    assert command("watch api", environment) == expected
    assert command("fairway watch api", environment) == expected
