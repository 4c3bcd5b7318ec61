"""The files of an application: which ones go into an image, and what their digest is."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LEFT_OUT: Final = frozenset({"__pycache__", ".git"})


@dataclass(frozen=True, slots=True, order=True)
class SourceFile:
    """A file of an application."""

    name: str
    """Its path below `app/`."""
    path: Path
    """Where it is now."""

    @property
    def kind(self) -> str:
        """All of its mode that goes into an image."""
        if self.path.is_symlink():
            return "link"
        return "program" if os.access(self.path, os.X_OK) else "file"

    def content(self) -> bytes:
        return os.fsencode(self.path.readlink()) if self.path.is_symlink() else self.path.read_bytes()


def collect(sources: Sequence[Path], *, by_git: bool) -> list[SourceFile]:
    """The files of sources, each below the source's last name. `by_git`: without those that git ignores."""
    found: list[SourceFile] = []
    for source in sources:
        if not source.is_dir():
            found.append(SourceFile(source.name, source))
            continue
        names = _git_names(source) if by_git else None
        if names is None:
            names = [str(path.relative_to(source)) for path in source.rglob("*")]
        for name in names:
            path = source / name
            is_code = not _LEFT_OUT.intersection(path.relative_to(source).parts) and path.suffix != ".pyc"
            if is_code and (path.is_symlink() or path.is_file()):
                found.append(SourceFile(f"{source.name}/{name}", path))
    return sorted(found)


def digest_sources(files: Sequence[SourceFile]) -> bytes:
    """A text that tells one set of files from another: name, kind and digest of each."""
    lines = [f"{file.kind} {sha256(file.content()).hexdigest()} {file.name}\n" for file in files]
    return "".join(lines).encode("utf-8", "surrogateescape")


def copy_sources(files: Sequence[SourceFile], place: Path) -> None:
    """Copy files below a folder, readable by all and writable by nobody but their owner."""
    place.mkdir()
    for file in files:
        target = place / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.kind == "link":
            target.symlink_to(file.path.readlink())
        else:
            shutil.copyfile(file.path, target)
            target.chmod(0o755 if file.kind == "program" else 0o644)
    for folder in (place, *(path for path in place.rglob("*") if path.is_dir() and not path.is_symlink())):
        folder.chmod(0o755)


@contextlib.contextmanager
def checkout(folder: Path, commit: str) -> Iterator[tuple[Path, Path]]:
    """The repository around `folder` as a commit has it: its top here, and a temporary folder with the commit's files.

    Raises:
        UsageError: no repository, or no such commit.
    """
    top = Path(_git(folder, "rev-parse", "--show-toplevel").decode().strip())
    found = _git(top, "rev-parse", "--verify", "--end-of-options", f"{commit}^{{commit}}").decode().strip()
    with tempfile.TemporaryDirectory(prefix="fairway-build-") as temporary:
        archive = Path(temporary) / "commit.tar"
        _git(top, "archive", "--format=tar", f"--output={archive}", found)
        place = Path(temporary) / "commit"
        place.mkdir()
        with tarfile.open(archive) as tar:
            # Python before 3.11.4 has no filters; git itself writes no name that leads out of the folder
            checked: dict[str, Any] = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
            tar.extractall(place, **checked)  # noqa: S202 - see above
        yield top, place


def _git(folder: Path, *words: str) -> bytes:
    ended = _run_git(folder, *words)
    if ended.returncode != 0:
        raise UsageError(
            f"git {words[0]} in {folder} failed: {_said(ended)}", hint="name a commit of the repository that you are in"
        )
    return ended.stdout


def _git_names(source: Path) -> list[str] | None:
    """What git knows or would add below a folder; None: it is in no repository."""
    try:
        ended = _run_git(source, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    except UsageError:
        return None  # no git, so nothing was ignored by it
    if ended.returncode != 0:
        if b"not a git repository" in ended.stderr:
            return None
        # to go on would put files into the image that git is told to ignore, such as passwords
        raise UsageError(f"git cannot list the files of {source}: {_said(ended)}")
    names = [os.fsdecode(name) for name in ended.stdout.split(b"\0") if name]
    return sorted(set(names)) or None  # a source that git ignores as a whole is still what was asked for


def _run_git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("git")
    if program is None:
        raise UsageError("git is needed to build from a commit, and is not installed")
    return subprocess.run(
        [program, *words], check=False, capture_output=True, cwd=folder, env={**os.environ, "LC_ALL": "C"}
    )


def _said(ended: subprocess.CompletedProcess[bytes]) -> str:
    return ended.stderr.decode("utf-8", "replace").strip()
