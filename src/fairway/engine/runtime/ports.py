"""The ports of this machine that tasks listen on, kept on disk so that an engine's successor gives the same answers."""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from fairway.clock import wall_now
from fairway.engine.model.network import PortBinding
from fairway.engine.runtime.protocol import PortRequest, RuntimeRefusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PORTS: Final = range(20000, 30000)
REST_SECONDS: Final = 60.0
"""A port that was given back rests so long: clients and the load balancer may still know it."""
_HOST: Final = "127.0.0.1"


@dataclass(slots=True)
class _Book:
    tasks: dict[str, tuple[PortBinding, ...]] = field(default_factory=dict)
    resting: dict[int, float] = field(default_factory=dict)
    """Port -> wall time (seconds since the epoch) until which it rests."""
    last: int | None = None


class PortBook:
    """Who has which port. Ports are given in turn; two engines of one machine begin at different places."""

    def __init__(
        self,
        path: Path,
        ports: range = PORTS,
        *,
        wall: Callable[[], float] = lambda: wall_now().timestamp(),
    ) -> None:
        self._path = path
        self._ports = ports
        self._wall = wall
        self._book = _read(path)

    def reserve(self, task_id: str, requests: Sequence[PortRequest]) -> tuple[PortBinding, ...]:
        """A free port for each request; the same ones again for the same task.

        Raises:
            RuntimeRefusal: no port is free.
        """
        known = self._book.tasks.get(task_id)
        if known is not None:
            return known
        now = self._wall()
        self._book.resting = {port: until for port, until in self._book.resting.items() if until > now}
        taken = {binding.host_port for bindings in self._book.tasks.values() for binding in bindings}
        taken |= self._book.resting.keys()
        bindings = []
        for request in requests:
            port = self._choose(taken, request.protocol)
            taken.add(port)
            bindings.append(PortBinding(request.container, request.container_port, port, request.protocol))
        self._book.tasks[task_id] = tuple(bindings)
        try:
            self._write()
        except OSError as error:
            del self._book.tasks[task_id]
            raise RuntimeRefusal(f"ResourceInitializationError: the ports cannot be noted: {error}") from None
        return tuple(bindings)

    def release(self, task_id: str) -> None:
        """Give a task's ports back; they rest before anyone gets them again."""
        bindings = self._book.tasks.pop(task_id, None)
        if bindings is None:
            return
        until = self._wall() + REST_SECONDS
        self._book.resting |= {binding.host_port: until for binding in bindings}
        with contextlib.suppress(OSError):  # on a full disk they stay the task's until the next note
            self._write()

    def of(self, task_id: str) -> tuple[PortBinding, ...]:
        """The ports that a task has."""
        return self._book.tasks.get(task_id, ())

    def _choose(self, taken: set[int], protocol: str) -> int:
        count = len(self._ports)
        if self._book.last is None:
            first = int.from_bytes(sha256(str(self._path).encode()).digest()[:4], "big") % count
        else:
            first = (self._book.last - self._ports.start + 1) % count
        for step in range(count):
            port = self._ports[(first + step) % count]
            if port not in taken and _can_bind(port, protocol):
                self._book.last = port
                return port
        raise RuntimeRefusal(
            f"ResourceInitializationError: no port of {_HOST} from {self._ports.start} to {self._ports.stop - 1} is free"
        )

    def _write(self) -> None:
        book = self._book
        document: dict[str, Any] = {
            "tasks": {task: [asdict(binding) for binding in bindings] for task, bindings in book.tasks.items()},
            "resting": {str(port): until for port, until in book.resting.items()},
            "last": book.last,
        }
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(document), encoding="utf-8")
        new.replace(self._path)


def _read(path: Path) -> _Book:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return _Book(
            {task: tuple(PortBinding(**item) for item in items) for task, items in document["tasks"].items()},
            {int(port): float(until) for port, until in document["resting"].items()},
            document["last"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _Book()  # none yet


def _can_bind(port: int, protocol: str) -> bool:
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as probe:
        if protocol != "udp":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True
