"""Which database `up` takes is decided before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.ports import free_port

from fairway.cli import up
from fairway.cli.main import main
from fairway.errors import UsageError
from fairway.project.load import load_project

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def nothing_installed(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("fairway.engine.stores.mariadb._PLACES", ())


def test_without_mariadb_up_ends_before_it_begins(monkeypatch, tmp_path, capsys, nothing_installed):
    monkeypatch.chdir(ROOT)
    for name in ("FAIRWAY_ENDPOINT", "FAIRWAY_PORT", "FAIRWAY_DATA"):
        monkeypatch.setenv(name, "set by the verb, and taken back after the test")
    data = tmp_path / "data"
    code = main(["up", "--database", "mysql", "--data", str(data), "--port", str(free_port())])
    said = capsys.readouterr()
    assert code == 2
    assert "neither mariadbd nor mysqld is installed" in said.err
    assert "apt-get install mariadb-server" in said.err
    assert not data.exists()


def test_the_default_needs_nothing(tmp_path, nothing_installed):
    assert up.choose_database(load_project(ROOT, "local"), tmp_path, None) == ("sqlite", "SQLite")


def test_a_project_without_a_database_is_asked_for_none(tmp_path):
    (tmp_path / "deploy" / "environments").mkdir(parents=True)
    (tmp_path / "fairway.toml").write_text('[project]\nname = "shop"\n')
    (tmp_path / "deploy" / "environments" / "local.toml").write_text('region = "us-east-1"\ncluster = "shop"\n')
    project = load_project(tmp_path, "local")
    assert up.choose_database(project, tmp_path / "data", None) == ("sqlite", "none")
    with pytest.raises(UsageError, match="takes DATABASE_URL from a secret"):
        up.choose_database(project, tmp_path / "data", "mysql")
