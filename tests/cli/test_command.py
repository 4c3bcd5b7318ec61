"""Next commands can be pasted."""

from __future__ import annotations

import pytest

from fairway.cli.command import command, program


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


@pytest.mark.parametrize(
    ("called", "folder", "expected"),
    [
        pytest.param("{checkout}/fairway", "elsewhere", "{checkout}/fairway", id="from another folder, by its path"),
        pytest.param("../checkout/fairway", "elsewhere", "../checkout/fairway", id="by a path that is not absolute"),
        pytest.param("./fairway", "checkout", "./fairway", id="in its folder"),
        pytest.param("{checkout}/fairway", "checkout", "./fairway", id="in its folder, by its path"),
        pytest.param("{bin}/fairway", "elsewhere", "fairway", id="found on PATH"),
        pytest.param("{checkout}/main.py", "elsewhere", "fairway", id="as a module"),
        pytest.param("{checkout}/main.py", "checkout", "./fairway", id="as a module, where the script is"),
    ],
)
def test_the_program_is_named_as_it_was_called(tmp_path, monkeypatch, called, folder, expected):
    places = {name: tmp_path / name for name in ("checkout", "elsewhere", "bin")}
    for place in places.values():
        place.mkdir()
    for name in ("checkout", "bin"):
        (places[name] / "fairway").write_text("#!/bin/sh\n")
        (places[name] / "fairway").chmod(0o755)
    monkeypatch.setenv("PATH", str(places["bin"]))
    monkeypatch.chdir(places[folder])
    assert program(called.format(**places)) == expected.format(**places)
