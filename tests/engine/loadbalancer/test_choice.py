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
        pytest.param(None, "", "Envoy has no build for this machine", id="no build"),
        pytest.param("envoy", "python", "FAIRWAY_BALANCER is set", id="not wanted"),
    ],
)
def test_plain_python_is_said_aloud(tmp_path, monkeypatch, caplog, binary, variable, why):
    monkeypatch.setenv(choice.VARIABLE, variable)
    monkeypatch.setattr(choice, "find_binary", lambda: binary)
    assert isinstance(choice.choose_data_plane(tmp_path), FallbackDataPlane)
    assert why in caplog.text
    assert "not while the engine is down" in caplog.text
