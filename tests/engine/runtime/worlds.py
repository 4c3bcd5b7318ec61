"""An image made by hand, a runtime over it, and the facts that it tells."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from fairway.clock import wall_now
from fairway.engine.model.logrecord import decode_record
from fairway.engine.runtime.images import Image, ImageConfig, ImageStore, digest_of
from fairway.engine.runtime.interpreters import find_interpreter
from fairway.engine.runtime.process import ProcessRuntime
from fairway.engine.runtime.protocol import ContainerRef, ContainerSpec
from fairway.engine.runtime.shim_link import SHIM
from fairway.engine.runtime.users import NOBODY, Identity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from fairway.engine.model.facts import ContainerFact

T = TypeVar("T")
PORTS = range(20100, 20400)
NOBODY_HERE = Identity(NOBODY, NOBODY) if os.geteuid() == 0 else None


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can enter, which pytest's own are not."""
    path = Path(tempfile.mkdtemp(prefix="fairway-test-"))
    path.chmod(0o755)
    yield path
    kill_shims(path)
    shutil.rmtree(path, ignore_errors=True)


def kill_shims(below: Path) -> None:
    """What a failed test left running."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if any(word.startswith(os.fsencode(below) + b"/") for word in words) and str(SHIM).encode() in words:
                os.kill(int(entry.name), signal.SIGKILL)


def make_image(store: ImageStore, config: ImageConfig | None = None, **files: str) -> Image:
    """An image whose `app` has the files (`name` stands for `name.py`), run by a Python of this machine."""
    config = config or ImageConfig()
    document = json.dumps(config.document() | {"files": files})
    digest = digest_of(document.encode())
    place = store.images / digest.removeprefix("sha256:")
    (place / "app").mkdir(parents=True)
    for name, text in files.items():
        (place / "app" / f"{name}.py").write_text(text)
    (place / "config.json").write_text(document)
    (place / "manifest.json").write_text(document)
    environment = store.environments / "system"
    if not environment.exists():
        (environment / "bin").mkdir(parents=True)
        python = find_interpreter(NOBODY_HERE, store.root / "interpreters").path
        (environment / "bin" / "python").symlink_to(python)
    (place / "environment").symlink_to("../../environments/system")
    image = store.find(digest)
    assert image is not None
    return image


@dataclass
class World:
    """A process runtime, and all facts that it told so far."""

    root: Path
    store: ImageStore
    facts: list[ContainerFact] = field(default_factory=list)
    runtime: ProcessRuntime = None  # type: ignore[assignment]
    allow_root: bool = False

    def __post_init__(self) -> None:
        self._changed = asyncio.Event()
        self.image = make_image(self.store)
        self.renew()

    def renew(self) -> None:
        """A new runtime over the same folder, as a newly started engine makes it."""
        self.runtime = ProcessRuntime(
            self.root, self.store, self.emit, now=wall_now, allow_root_tasks=self.allow_root, ports=PORTS
        )

    def emit(self, fact: ContainerFact) -> None:
        self.facts.append(fact)
        self._changed.set()

    async def fact(self, kind: type[T], ref: ContainerRef, *, within: float = 20.0, count: int = 1) -> T:
        """Wait for the `count`-th fact of a kind about a container."""
        async with asyncio.timeout(within):
            while True:
                found = [f for f in self.facts if isinstance(f, kind) and f.container == ref.container]
                if len(found) >= count:
                    return found[count - 1]
                self._changed.clear()
                await self._changed.wait()

    def spec(self, ref: ContainerRef, program: str, **changes: Any) -> ContainerSpec:
        """A container that runs some Python."""
        wanted: dict[str, Any] = {
            "ref": ref,
            "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/app:1",
            "image_digest": self.image.digest,
            "environment": {},
            "command": ("python", "-c", program),
            "log_directory": self.root / "logs" / ref.container,
        }
        return ContainerSpec(**wanted | changes)

    def lines(self, container: str = "app") -> list[str]:
        """What a container wrote so far."""
        found = []
        for path in sorted((self.root / "logs" / container).glob("*.log")):
            found += [decode_record(line)[1] for line in path.read_bytes().split(b"\n")[:-1]]
        return found


async def until(condition: Callable[[], Any], within: float = 20.0) -> Any:
    """Wait until a condition of the outside world holds; its value."""
    async with asyncio.timeout(within):
        while not (value := condition()):  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.02)
    return value


@asynccontextmanager
async def a_world(folder: Path, kind: type[World] = World, **options: Any) -> AsyncIterator[World]:
    world = kind(folder / "runtime", ImageStore(folder / "images"), **options)
    await world.runtime.open()
    yield world
    await world.runtime.close(leave_running=False)
    if isinstance(world.runtime, ProcessRuntime):
        world.runtime._launcher.close()  # also what a runtime that left its containers running left for the next one
