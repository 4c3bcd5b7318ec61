"""Mistakes on the command line that need nobody's answer."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("limit", ["0", "-3"])
def test_history_of_no_deployments_is_a_mistake(fairway, tmp_path, monkeypatch, limit):
    monkeypatch.chdir(tmp_path)
    code, _, err = fairway("history", "shop/api", "--limit", limit)
    assert code == 2
    assert f"--limit {limit}: at least 1" in err


def test_build_is_local_only_and_says_so_before_it_reads_anything(fairway, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = fairway("build", "--tag", "v1", "--env", "production")
    assert code == 2
    assert "images are built for the local engine only, not for production" in err


@pytest.mark.parametrize("verb", ["deploy", "build"])
def test_without_a_project_folder(fairway, tmp_path, monkeypatch, verb):
    monkeypatch.chdir(tmp_path)
    code, _, err = fairway(verb, "--tag", "v1")
    assert code == 2
    assert "go to the project's folder" in err
    assert "CLUSTER/SERVICE" not in err
