"""Mistakes on the command line that need nobody's answer."""

from __future__ import annotations

import json

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


def test_another_project_file_of_the_same_repository(tmp_path, monkeypatch, fairway):
    monkeypatch.setenv("FAIRWAY_FILE", "")  # restored after the test: --file sets it
    for name in ("shop", "blog"):
        folder = tmp_path / name / "deploy" / "environments"
        folder.mkdir(parents=True)
        (folder / "local.toml").write_text(f'region = "us-east-1"\ncluster = "{name}"\n')
        (tmp_path / name / "fairway.toml").write_text(
            f'[project]\nname = "{name}"\ndefault_environment = "local"\n\n[services.{name}]\ndefinition = "task.json"\n'
        )
        container = {"name": name, "image": f"{name}:1", "essential": True}
        (tmp_path / name / "task.json").write_text(json.dumps({"family": name, "containerDefinitions": [container]}))
    monkeypatch.chdir(tmp_path)
    for named in ("blog", "blog/fairway.toml"):
        code, out, err = fairway("render", "--file", named)
        assert code == 0, err
        assert list(json.loads(out)) == ["blog"]
    code, _, err = fairway("render", "--file", "wiki")
    assert code == 2
    assert "there is no project file" in err
    assert "names a fairway.toml, or its folder" in err
