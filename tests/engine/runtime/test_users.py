from __future__ import annotations

import os
import pwd
import sysconfig
from pathlib import Path

import pytest
from tests.engine.runtime.worlds import folder  # noqa: F401 - a fixture

from fairway.engine.runtime import interpreters, places
from fairway.engine.runtime.protocol import RuntimeRefusal
from fairway.engine.runtime.users import Identity, choose_identity
from fairway.errors import UsageError

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
DAEMON = pwd.getpwnam("daemon")


@AS_ROOT
@pytest.mark.parametrize(
    ("user", "identity"),
    [
        (None, Identity(65534, 65534)),
        ("", Identity(65534, 65534)),
        ("4321", Identity(4321, 4321)),
        ("4321:99", Identity(4321, 99)),
        ("daemon", Identity(DAEMON.pw_uid, DAEMON.pw_gid)),
        (str(DAEMON.pw_uid), Identity(DAEMON.pw_uid, DAEMON.pw_gid)),
        ("daemon:4", Identity(DAEMON.pw_uid, 4)),
    ],
)
def test_a_user_is_found_as_docker_does(user, identity):
    assert choose_identity(user, allow_root=False) == identity


@AS_ROOT
@pytest.mark.parametrize(
    ("user", "text"),
    [
        ("nobody-here", "unable to find user nobody-here: no matching entries in passwd file"),
        ("1000:nogroup-here", "unable to find group nogroup-here: no matching entries in group file"),
        ("99999999999", "uids and gids must be in range"),
        ("0", "--allow-root-tasks"),
    ],
)
def test_a_user_that_cannot_be_is_refused_in_docker_s_words(user, text):
    with pytest.raises(RuntimeRefusal, match=f"^CannotStartContainerError: .*{text}"):
        choose_identity(user, allow_root=False)


def test_without_root_everything_runs_as_whoever_we_are(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert choose_identity("0", allow_root=False) is None


@AS_ROOT
def test_an_interpreter_below_root_s_home_is_passed_over(tmp_path, folder):  # noqa: F811
    tmp_path.chmod(0o700)
    hidden = tmp_path / "python3"
    hidden.symlink_to("/bin/sh")
    assert interpreters.probe(hidden, Identity(65534, 65534)) is None
    found = interpreters.find_interpreter(Identity(65534, 65534), folder)
    assert interpreters.probe(found.path, Identity(65534, 65534)) == found.version


@pytest.mark.slow
@AS_ROOT
@pytest.mark.skipif(
    bool(sysconfig.get_config_var("Py_ENABLE_SHARED")), reason="a Python with a library of its own can't be moved"
)
def test_the_last_resort_is_a_copy_of_the_running_python(folder, monkeypatch):  # noqa: F811
    monkeypatch.setattr(interpreters, "_candidates", lambda: iter(()))
    found = interpreters.find_interpreter(Identity(65534, 65534), folder / "interpreters")
    assert found.path.is_relative_to(folder)
    assert interpreters.probe(found.path, Identity(65534, 65534)) == found.version


def test_no_python_at_all_says_what_to_install(folder, monkeypatch):  # noqa: F811
    monkeypatch.setattr(interpreters, "_candidates", lambda: iter(()))
    monkeypatch.setattr(interpreters, "_copy_installation", lambda _copies: None)
    with pytest.raises(UsageError, match="there is no Python") as caught:
        interpreters.find_interpreter(Identity(65534, 65534), folder)
    assert "ython" in (caught.value.hint or "")


@AS_ROOT
def test_a_folder_that_others_cannot_enter_has_a_stand_in(tmp_path, folder, monkeypatch):  # noqa: F811
    monkeypatch.setattr(places, "STAND_INS", folder / "stand-ins")
    assert places.enterable(folder / "open") == folder / "open"
    (tmp_path / "closed").mkdir(mode=0o700)
    place = places.enterable(tmp_path / "closed" / "images")
    assert place.is_relative_to(folder / "stand-ins")
    assert all(part.stat().st_mode & 0o001 for part in (place, *place.parents))
    (tmp_path / "closed").chmod(0o755)
    assert places.enterable(tmp_path / "closed" / "images") == place, "it stays where it was"
    places.purge(tmp_path / "closed" / "images")
    assert not place.exists()


@AS_ROOT
def test_the_stand_in_of_a_deleted_folder_is_deleted(tmp_path, folder, monkeypatch):  # noqa: F811
    monkeypatch.setattr(places, "STAND_INS", folder / "stand-ins")
    (tmp_path / "closed").mkdir(mode=0o700)
    gone = places.enterable(tmp_path / "closed" / "gone")
    for path in Path(tmp_path / "closed" / "gone").iterdir():
        path.unlink()
    (tmp_path / "closed" / "gone").rmdir()
    places.enterable(tmp_path / "closed" / "next")
    assert not gone.exists()
