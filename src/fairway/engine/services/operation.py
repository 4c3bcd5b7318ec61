"""Which operations the engine has, and what a handler is given.

A handler validates, changes desired state in one transaction of the store, and answers; it never waits and never starts
anything. Its input has been checked against AWS's model already (required members, types, enums, ranges): what is left
is what the model does not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from fairway.engine.services.awsmodel import service_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from fairway.engine.store.store import Store
    from fairway.ids import IdSource

    Request = Mapping[str, Any]
    Response = dict[str, Any]
    Handler = Callable[["Context", Request], Response]


class Host(Protocol):
    """What handlers may ask of the engine that they run in."""

    @property
    def log_root(self) -> Path:
        """The folder of all log streams' segment files."""

    @property
    def rate(self) -> float:
        """Engine seconds per real second."""

    def from_wall(self, wall: datetime) -> datetime:
        """Engine time of a wall time (log records carry wall times)."""

    def to_wall(self, engine_time: datetime) -> datetime:
        """The wall time of an engine time."""

    def choose_listener_port(self, port: int) -> int:
        """A free port of 127.0.0.1 for a listener's `port`: 80 -> 8080, 443 -> 8443, others as they are, else the next free."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler is given beside its request."""

    store: Store
    now: datetime
    """Engine time, UTC."""
    ids: IdSource
    region: str
    """From the request's signature."""
    account: str
    request_id: str
    caller_arn: str
    host: Host


class OperationTable:
    """The operations of one service that are supported, by AWS's names."""

    def __init__(self, service: str) -> None:
        self.service = service
        self._names = frozenset(service_model(service).operation_names)
        self._handlers: dict[str, Handler] = {}

    def operation(self, name: str) -> Callable[[Handler], Handler]:
        """Register the decorated function as the handler of the operation `name`.

        Raises:
            LookupError: AWS has no such operation, or it has a handler already.
        """
        if name not in self._names:
            raise LookupError(f"{self.service} has no operation {name}")
        if name in self._handlers:
            raise LookupError(f"{self.service} {name} has two handlers")

        def register(handler: Handler) -> Handler:
            self._handlers[name] = handler
            return handler

        return register

    def handler(self, name: str) -> Handler | None:
        return self._handlers.get(name)

    @property
    def supported(self) -> frozenset[str]:
        return frozenset(self._handlers)
