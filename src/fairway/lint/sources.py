"""Reads files and folders, and says what is found in them: the part of lint that touches the disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairway.errors import UsageError
from fairway.lint.finding import Place, find
from fairway.lint.ignores import read_table, sift
from fairway.lint.json_text import Malformed
from fairway.lint.reading import LANGUAGES, LARGEST, Reading
from fairway.lint.registry import check
from fairway.lint.rules.file_rules import UNREADABLE
from fairway.lint.toml_text import read_toml
from fairway.project.text import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fairway.lint.document import Document
    from fairway.lint.finding import Finding

PASSED_OVER: Final = {"node_modules", "__pycache__", "site-packages", "venv", "target", "dist", "build"}
"""Folders of other people's files; so are those that begin with a dot, but for CI's, and virtual environments."""
_CI: Final = {".github", ".gitlab", ".circleci", ".buildkite"}
STDIN: Final = "-"


@dataclass(frozen=True, slots=True)
class Result:
    """What a run has found."""

    findings: tuple[Finding, ...]
    ignored: int = 0
    skipped: tuple[tuple[str, str], ...] = ()
    files: int = 0


def lint_paths(paths: Sequence[str], read_stdin: Callable[[], bytes], *, project_file: Path | None = None) -> Result:
    """Files and folders; `-` is standard input. Ignores come from comments and from the project file, if there is one.

    Raises:
        UsageError: there is no such file.
    """
    reading = Reading()
    for word in paths:
        if word == STDIN:
            reading.add(read_stdin(), "<stdin>")
        elif Path(word).is_dir():
            for file in walk(Path(word)):
                _add_found(reading, file)
        elif Path(word).exists():
            reading.add(read_bytes(Path(word)), word)
        else:
            raise UsageError(f"there is no file {word}", hint="name files or folders; - is standard input")
    ignores = list(reading.ignores)
    relative: dict[str, str] = {}
    if project_file is not None:
        relative = relative_to(project_file.parent, reading.files)
        document = read_project_file(project_file)
        ignores += [item for item in read_table(document) if item.environment is None] if document is not None else []
    findings = [*reading.findings, *check(reading.view())]
    tables = {item.place for item in ignores if item.line is None}
    sifted = sift(findings, ignores, relative=relative)
    # what a table of the project is about may be in other files, or be found in an environment alone
    kept = tuple(item for item in sifted.findings if item.place not in tables)
    return Result(kept, sifted.ignored, tuple(reading.skipped), len(reading.files))


def _add_found(reading: Reading, file: Path) -> None:
    """A file of a folder: one that cannot be read is told, and the others are looked at."""
    try:
        data = read_bytes(file)
    except UsageError as error:
        reading.findings.append(find(UNREADABLE, Place(str(file), 1), error.message, remedy=error.hint))
    else:
        reading.add(data, str(file), is_named=False)


def walk(folder: Path) -> Iterator[Path]:
    """The files of a folder that may be known, by name."""
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if _is_ours(Path(where) / name))
        for name in sorted(files):
            file = Path(where) / name
            if file.suffix.lower() in LANGUAGES or (not file.suffix and _begins_with(file, b"#!")):
                yield file


def _is_ours(folder: Path) -> bool:
    name = folder.name
    if name in PASSED_OVER or (name.startswith(".") and name not in _CI):
        return False
    return not (folder / "pyvenv.cfg").exists()


def _begins_with(file: Path, start: bytes) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(start)) == start
    except OSError:
        return False


def read_bytes(file: Path) -> bytes:
    """The content of a file, or as much of it as shows that it is too large.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST + 1)
    except OSError as error:
        raise unreadable(file, error) from None


def read_project_file(file: Path) -> Document | None:
    """A TOML file with its places; None: it cannot be read, which its loader says."""
    try:
        return read_toml(file.read_text(encoding="utf-8"), display(file))
    except (OSError, UnicodeDecodeError, Malformed):
        return None


def display(file: Path) -> str:
    """A file as a message names it: from the current folder, if it is in it."""
    absolute, here = file.absolute(), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(file)


def relative_to(root: Path, names: Sequence[str]) -> dict[str, str]:
    """File as it is named -> its path from a folder, for those that are in it."""
    found = {}
    for name in names:
        absolute = Path(os.path.abspath(name))  # noqa: PTH100 - `..` is to be taken away, links are not to be followed
        if absolute.is_relative_to(root):
            found[name] = absolute.relative_to(root).as_posix()
    return found
