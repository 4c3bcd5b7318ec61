"""A data directory goes as it came: with what was made for it, and nothing else."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from fairway.engine.directory import DataDirectory
from fairway.engine.runtime import places
from fairway.errors import UsageError


def test_the_folders_that_were_made_for_it_go_with_it(tmp_path):
    directory = DataDirectory(tmp_path / "share" / "new" / "data")
    (tmp_path / "share").mkdir()
    directory.prepare()
    directory.prepare()  # a second start does not forget what the first one made
    (directory.logs / "group").mkdir()
    (directory.logs / "group" / "segment").write_text("lines")
    assert directory.delete()
    assert not (tmp_path / "share" / "new").exists()
    assert (tmp_path / "share").exists(), "it was there before"


def test_a_folder_with_other_files_stays(tmp_path):
    directory = DataDirectory(tmp_path / "new" / "data")
    directory.prepare()
    (tmp_path / "new" / "thesis.txt").write_text("precious")
    assert directory.delete()
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["thesis.txt"]


def test_a_mount_point_is_emptied_and_stays(tmp_path, monkeypatch):
    directory = DataDirectory(tmp_path / "data")
    directory.prepare()
    remove = Path.rmdir

    def rmdir(path):
        if path == directory.root:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))
        remove(path)

    monkeypatch.setattr(Path, "rmdir", rmdir)
    assert not directory.delete()
    assert list(directory.root.iterdir()) == []


def test_what_cannot_be_deleted_is_named_and_the_rest_can_go_later(tmp_path, monkeypatch):
    directory = DataDirectory(tmp_path / "data")
    directory.prepare()
    held = directory.logs / "held"
    held.mkdir()
    remove = os.rmdir

    def rmdir(path, *arguments, **options):
        if str(path).endswith("held"):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(held))
        remove(path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rmdir", rmdir)
        with pytest.raises(UsageError, match=f"{held} cannot be deleted: Device or resource busy"):
            directory.delete()
    directory.prepare()  # it is still known as ours
    assert directory.delete()


def test_the_last_stand_in_takes_its_place_with_it(tmp_path, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root has stand-ins")
    monkeypatch.setattr(places, "STAND_INS", tmp_path / "stand-ins")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folders = [closed / "images", closed / "stores"]
    assert all(places.needs_stand_in(folder) for folder in folders)
    for folder in folders:
        assert places.enterable(folder).parent == places.STAND_INS
        assert places.needs_stand_in(folder)
    places.purge(folders[0])
    assert len(list(places.STAND_INS.iterdir())) == 1
    places.purge(folders[1])
    assert not places.STAND_INS.exists()


def test_a_folder_that_every_user_can_enter_needs_no_stand_in():
    assert not places.needs_stand_in(Path("/usr/share/nothing/here"))
