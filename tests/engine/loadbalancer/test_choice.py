from __future__ import annotations

import pytest

from fairway.engine.loadbalancer import choice
from fairway.engine.loadbalancer.envoy import EnvoyDataPlane
from fairway.engine.loadbalancer.fallback import FallbackDataPlane


def test_envoy_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.delenv(choice.VARIABLE, raising=False)
    monkeypatch.setattr(choice, "find_binary", lambda: tmp_path / "envoy")
    assert isinstance(choice.choose_data_plane(tmp_path), EnvoyDataPlane)


@pytest.mark.parametrize(
    ("binary", "variable", "why"),
    [
        pytest.param(None, "", "balanced in plain Python by the engine itself", id="none"),
        pytest.param("envoy", "python", "FAIRWAY_BALANCER is set", id="not wanted"),
    ],
)
def test_plain_python_is_said_aloud(tmp_path, monkeypatch, caplog, binary, variable, why):
    monkeypatch.setenv(choice.VARIABLE, variable)
    monkeypatch.setattr(choice, "find_binary", lambda: binary)
    assert isinstance(choice.choose_data_plane(tmp_path), FallbackDataPlane)
    assert why in caplog.text
    assert "not while the engine is down" in caplog.text


@pytest.mark.parametrize(
    ("system", "machine", "has_envoy", "expected"),
    [
        pytest.param("Linux", "x86_64", False, "Envoy is not installed, so", id="it could be installed"),
        pytest.param("Linux", "aarch64", False, "pip install 'fairway[engine]'", id="and how"),
        pytest.param("Darwin", "arm64", False, "Envoy has no build for this machine (Darwin arm64), so", id="no build"),
        pytest.param("Linux", "x86_64", True, "FAIRWAY_BALANCER is set, so", id="not wanted"),
    ],
)
def test_why_there_is_no_envoy(system, machine, has_envoy, expected):
    said = choice.why_plain(system, machine, has_envoy=has_envoy)
    assert expected in said
    assert ("pip install" in said) is ("not installed" in said)
