from __future__ import annotations

import stat

import pytest

from fairway.engine.directory import DataDirectory
from fairway.engine.stores import Stores
from fairway.engine.stores.choice import choose, remembered
from fairway.engine.stores.mariadb import Program as Installed
from fairway.engine.stores.mariadb import _settings_text, _statements, database_name, find_program
from fairway.errors import UsageError


@pytest.mark.parametrize(
    ("asked", "known", "expected"),
    [
        pytest.param(None, None, "sqlite", id="SQLite, unless anybody says otherwise"),
        pytest.param("mysql", None, "mysql", id="as asked in a new directory"),
        pytest.param(None, "mysql", "mysql", id="the directory's own choice stays"),
        pytest.param("mysql", "mysql", "mysql", id="the same may be asked again"),
        pytest.param("sqlite", "sqlite", "sqlite", id="so may the default"),
    ],
)
def test_which_database_is_used(asked, known, expected):
    assert choose(asked, known) == expected


@pytest.mark.parametrize(("asked", "known"), [("mysql", "sqlite"), ("sqlite", "mysql")])
def test_another_database_than_the_directory_has_is_refused(asked, known):
    with pytest.raises(UsageError, match="has its rows in") as refused:
        choose(asked, known)
    assert "--data DIR" in str(refused.value.hint)
    assert "down --purge" in str(refused.value.hint)


@pytest.mark.parametrize(
    ("said", "has_files", "expected"),
    [
        pytest.param(None, False, None, id="a new directory"),
        pytest.param(None, True, "sqlite", id="one of an earlier release, which had SQLite alone"),
        pytest.param("mysql\n", False, "mysql", id="what was chosen"),
        pytest.param("mysql", True, "mysql", id="what is written down, before what lies there"),
        pytest.param("oracle", False, None, id="what nobody knows counts for nothing"),
    ],
)
def test_what_a_directory_remembers(said, has_files, expected):
    assert remembered(said, has_files=has_files) == expected


def test_the_choice_stays_in_the_data_directory(tmp_path):
    assert Stores(DataDirectory(tmp_path)).database() is None
    Stores(DataDirectory(tmp_path)).remember("mysql")
    assert Stores(DataDirectory(tmp_path)).database() == "mysql"


@pytest.mark.parametrize(
    ("project", "expected"),
    [("taskmanager", "taskmanager"), ("my-shop.v2", "my_shop_v2"), ("a`; DROP", "a___DROP"), ("é" * 3, "___")],
)
def test_a_database_is_called_after_the_project(project, expected):
    assert database_name(project) == expected


def program(folder, name, says):
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_mariadb_is_found_with_what_makes_its_data(tmp_path):
    server = program(tmp_path, "mariadbd", "mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu")
    with pytest.raises(UsageError, match="without mariadb-install-db"):
        find_program(str(tmp_path))
    installer = program(tmp_path, "mariadb-install-db", "")
    found = find_program(str(tmp_path))
    assert (found.server, found.installer, found.title) == (server, installer, "MariaDB 10.11.19")


def test_mysql_makes_its_data_itself(tmp_path):
    server = program(tmp_path, "mysqld", "mysqld  Ver 8.0.44 for Linux on x86_64 (MySQL Community Server - GPL)")
    found = find_program(str(tmp_path))
    assert (found.server, found.installer, found.title) == (server, None, "MySQL 8.0.44")


def test_without_a_server_it_is_said_which_package_has_one(tmp_path):
    with pytest.raises(UsageError, match="neither mariadbd nor mysqld is installed") as refused:
        find_program(str(tmp_path))
    assert refused.value.exit_code == 2
    assert "apt-get install mariadb-server" in str(refused.value.hint)
    assert "brew install mariadb" in str(refused.value.hint)


def test_the_statements_give_the_account_its_databases_and_no_more():
    made = _statements("secret", ["a", "b"], Installed("mariadbd", "mariadb-install-db", "MariaDB"))
    assert [line for line in made.splitlines() if line.startswith("GRANT")] == [
        "GRANT ALL ON `a`.* TO 'fairway'@'127.0.0.1';",
        "GRANT ALL ON `b`.* TO 'fairway'@'127.0.0.1';",
    ]
    assert "root" not in made
    assert "ALTER USER 'root'@'localhost' ACCOUNT LOCK" in _statements("secret", [], Installed("mysqld", None, "8.0"))


def test_the_settings_open_no_door_and_hold_no_password(tmp_path):
    text = _settings_text(tmp_path, 3306)
    assert "bind-address = 127.0.0.1" in text
    assert "password" not in text
