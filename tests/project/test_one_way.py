"""Whether migrations can be undone, read from their own files."""

from __future__ import annotations

import pytest

from fairway.errors import UsageError
from fairway.project.one_way import heads, one_way_of, read_migrations

FIRST = 'revision = "1"\ndown_revision = None\n'
SECOND = (
    'from typing import Final\nrevision: Final = "2"\ndown_revision: Final[str | None] = "1"\none_way: Final = True\n'
)
THIRD = 'revision = "3"\ndown_revision = ("2",)\none_way = False\n'


@pytest.fixture
def folder(tmp_path):
    for name, text in (("__init__.py", ""), ("0001_a.py", FIRST), ("0002_b.py", SECOND), ("0003_c.py", THIRD)):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_revisions_are_read_as_text(folder):
    (folder / "0004_d.py").write_text('raise SystemExit\nrevision = "4"\ndown_revision = "3"\none_way = not False\n')
    found = read_migrations(folder)
    assert [(m.revision, m.down, m.one_way) for m in found] == [
        ("1", (), False),
        ("2", ("1",), True),
        ("3", ("2",), False),
        ("4", ("3",), False),
    ]
    assert [m.revision for m in heads(found)] == ["4"]


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        pytest.param(None, [], id="nobody knows what is deployed: the newest alone is asked"),
        pytest.param(["0003_c.py"], [], id="the release brings only one that can be undone"),
        pytest.param(["0002_b.py", "0003_c.py"], ["2"], id="the release brings a one-way migration below the newest"),
        pytest.param([], [], id="the release brings none"),
    ],
)
def test_those_that_a_release_brings(folder, added, expected):
    paths = None if added is None else {(folder / name).resolve() for name in added}
    assert [m.revision for m in one_way_of(read_migrations(folder), paths)] == expected


def test_a_newest_one_way_migration_counts_when_nobody_knows(folder):
    (folder / "0003_c.py").unlink()
    assert [m.revision for m in one_way_of(read_migrations(folder), None)] == ["2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"revision = (", "0004_d.py:1: not Python", id="no Python"),
        pytest.param(b"\xff\xfe", "0004_d.py", id="not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_named(folder, content, message):
    (folder / "0004_d.py").write_bytes(content)
    with pytest.raises(UsageError) as error:
        read_migrations(folder)
    assert message in error.value.message


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        read_migrations(tmp_path / "nowhere")
