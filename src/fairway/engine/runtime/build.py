"""Builds images from image definitions.

An image's digest is over its sources, its lock file, its configuration and the version of Python: what it *is*. It is never
over the bytes of the environment, which no two builds make alike. Nothing is left half done: an environment counts only with
its mark, an image only under its digest, and it gets there in one step.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.runtime.image_definition import ImageDefinition, read_definition
from fairway.engine.runtime.images import Image, ImageConfig, ImageStore, digest_of
from fairway.engine.runtime.installer import Installer
from fairway.engine.runtime.interpreters import Interpreter, find_interpreter
from fairway.engine.runtime.protocol import RuntimeRefusal
from fairway.engine.runtime.sources import checkout, collect, copy_sources, digest_sources
from fairway.engine.runtime.users import choose_identity
from fairway.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from fairway.engine.runtime.sources import SourceFile

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_ENVIRONMENT: Final = "application/vnd.fairway.environment.v1"
_APPLICATION: Final = "application/vnd.fairway.application.v1"
_COMPLETE: Final = "fairway-complete"


@dataclass(frozen=True, slots=True)
class Built:
    """A built image."""

    image: Image
    manifest: str
    """What ECR is to have, byte for byte."""
    is_new: bool
    """False: the store had it already."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """All that an image is to be, before anything is made."""

    definition: ImageDefinition
    interpreter: Interpreter
    lock: bytes
    files: Sequence[SourceFile]
    config: str
    manifest: str

    @property
    def digest(self) -> str:
        return digest_of(self.manifest.encode())


def build_image(
    store: ImageStore,
    definition: Path,
    tag: str,
    *,
    commit: str | None = None,
    progress: Callable[[str], None] = lambda _line: None,
) -> Built:
    """The image of a definition: from the working tree, or wholly (definition and lock too) from a commit.

    Raises:
        UsageError: the definition, the commit or a source is wrong; no Python can be used.
        InstallFailed: the environment cannot be made.
    """
    if commit is None:
        return _build(store, read_definition(definition, tag), by_git=True, progress=progress)
    folder = next(parent for parent in definition.absolute().parents if parent.is_dir())
    with checkout(folder, commit) as (top, files):
        there = files / os.path.relpath(definition.absolute().resolve(), top.resolve())
        read = read_definition(there, tag, shown=definition)
        return _build(store, read, by_git=False, progress=progress)


def _build(store: ImageStore, definition: ImageDefinition, *, by_git: bool, progress: Callable[[str], None]) -> Built:
    plan = _plan(store, definition, by_git=by_git)
    environment = _make_environment(store, plan, progress)
    found = store.find(plan.digest)
    if found is not None and found.environment == environment:
        return Built(found, plan.manifest, is_new=False)
    progress(f"{len(plan.files)} files, {plan.digest[:19]}")
    image = _assemble(store, plan, environment)
    return Built(image, plan.manifest, is_new=found is None)


def _plan(store: ImageStore, definition: ImageDefinition, *, by_git: bool) -> _Plan:
    try:
        identity = choose_identity(definition.user, allow_root=True)
    except RuntimeRefusal as refusal:
        text = str(refusal).removeprefix("CannotStartContainerError: ")
        raise UsageError(f"{definition.path.name}: user: {text}", hint='write numbers: user = "1000:1000"') from None
    interpreter = find_interpreter(identity, store.root / "interpreters")
    minor = ".".join(interpreter.version.split(".")[:2])
    lock = b"\n".join(path.read_bytes() for path in definition.requirements)
    files = collect(definition.sources, by_git=by_git)
    config = ImageConfig(
        entry_point=definition.entry_point,
        command=definition.command,
        user=definition.user,
        environment=definition.environment,
        stop_signal=definition.stop_signal,
        python=minor,
    )
    text = json.dumps(config.document(), indent=1, sort_keys=True)
    sources = digest_sources(files)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _describe(_CONFIG, text.encode()),
        "layers": [
            _describe(_ENVIRONMENT, lock + f"\npython {minor}\n".encode()),
            _describe(_APPLICATION, sources),
        ],
    }
    return _Plan(definition, interpreter, lock, files, text, json.dumps(manifest, indent=1))


def _describe(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


# -- the environment ---------------------------------------------------------------------------------------------------


def _make_environment(store: ImageStore, plan: _Plan, progress: Callable[[str], None]) -> Path:
    """The virtual environment for a lock file and a Python; made once, by whoever comes first."""
    python = plan.interpreter
    what = plan.lock + f"\0{python.version}\0{python.path}".encode()
    place = store.environments / sha256(what).hexdigest()[:32]
    with _only_one(place.with_suffix(".lock")):
        if (place / _COMPLETE).exists() and (place / "bin" / "python").exists():
            return place
        shutil.rmtree(place, ignore_errors=True)
        progress(f"environment from {_requirements_name(plan)} with Python {python.version} ({python.path})")
        lock = place.with_suffix(".txt")
        try:
            lock.write_bytes(plan.lock)
            Installer().make(place, python.path, lock)
            _open_to_all(place)
            (place / _COMPLETE).touch()
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        finally:
            lock.unlink(missing_ok=True)
    return place


def _requirements_name(plan: _Plan) -> str:
    return ", ".join(path.name for path in plan.definition.requirements) or "nothing"


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Wait until no other process is here."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _open_to_all(folder: Path) -> None:
    """Readable by every user, whatever the installer's cache had."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            wanted = mode | (0o055 if path.is_dir() or mode & 0o100 else 0o044)
            if wanted != mode:
                path.chmod(wanted)


# -- the image ---------------------------------------------------------------------------------------------------------


def _assemble(store: ImageStore, plan: _Plan, environment: Path) -> Image:
    """Put the image together beside its place, and move it there in one step."""
    place = store.images / plan.digest.removeprefix("sha256:")
    new = store.images / f".{place.name[:12]}.{os.getpid()}"
    shutil.rmtree(new, ignore_errors=True)
    try:
        new.mkdir()
        new.chmod(0o755)
        copy_sources(plan.files, new / "app")
        _compile(environment, new / "app", place / "app")
        (new / "config.json").write_text(plan.config, encoding="utf-8")
        (new / "manifest.json").write_bytes(plan.manifest.encode())
        (new / "environment").symlink_to(os.path.join("..", "..", environment.parent.name, environment.name))  # noqa: PTH118
        if place.exists():
            _relink(place, new)  # its files are the same, and tasks may be running from it
        else:
            with contextlib.suppress(OSError):  # another build of the same was quicker
                new.replace(place)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    image = store.find(plan.digest)
    assert image is not None, f"{place} is not whole"
    return image


def _relink(place: Path, new: Path) -> None:
    (new / "environment").replace(place / "environment")


def _compile(environment: Path, here: Path, final: Path) -> None:
    """Write the bytecode that tasks cannot write themselves. A file that does not compile fails where it is imported."""
    subprocess.run(
        [
            str(environment / "bin" / "python"), "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash",
            "-s", str(here), "-p", str(final), str(here),
        ],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        umask=0o022,
    )  # fmt: skip
