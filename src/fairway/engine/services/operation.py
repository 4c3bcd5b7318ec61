"""Which operations the engine has, and what a handler is given.

A handler validates, changes desired state in one transaction of the store, and answers; it never waits and never starts
anything. Its input has been checked against AWS's model already (required members, types, enums, ranges): what is left
is what the model does not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from fairway.engine.services.awsmodel import service_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from botocore.model import OperationModel

    from fairway.engine.services.fault import AwsFault
    from fairway.engine.store.metrics import MetricStore
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
    def metrics(self) -> MetricStore:
        """What was measured."""

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
    """The operations of one service that are supported, by AWS's names, with the members that are not."""

    def __init__(self, service: str, refuse: Callable[[str], AwsFault]) -> None:
        """`refuse` makes the service's own error that names what is not supported."""
        self.service = service
        self._model = service_model(service)
        self._refuse = refuse
        self._handlers: dict[str, Handler] = {}
        self._refused: dict[str, tuple[str, ...]] = {}
        self._ignored: dict[str, tuple[str, ...]] = {}

    def operation(
        self, name: str, *, refuses: tuple[str, ...] = (), ignores: tuple[str, ...] = ()
    ) -> Callable[[Handler], Handler]:
        """Register the decorated function as the handler of the operation `name`.

        `refuses`: members (`a.b`, through lists too) that are refused when they are given; `a.b=X`: when they are not X.
        `ignores`: members that are taken and have no effect, since what they govern does not exist here.

        Raises:
            LookupError: AWS has no such operation or member, or it has a handler already.
        """
        if name not in self._model.operation_names:
            raise LookupError(f"{self.service} has no operation {name}")
        if name in self._handlers:
            raise LookupError(f"{self.service} {name} has two handlers")
        for member in (*refuses, *ignores):
            check_member(self._model.operation_model(name), member)

        def register(handler: Handler) -> Handler:
            self._handlers[name] = self._guard(handler, refuses) if refuses else handler
            self._refused[name], self._ignored[name] = refuses, ignores
            return handler

        return register

    def handler(self, name: str) -> Handler | None:
        return self._handlers.get(name)

    def refused(self, name: str) -> tuple[str, ...]:
        """The members of an operation that are refused."""
        return self._refused[name]

    def ignored(self, name: str) -> tuple[str, ...]:
        """The members of an operation that have no effect."""
        return self._ignored[name]

    @property
    def supported(self) -> frozenset[str]:
        return frozenset(self._handlers)

    def _guard(self, handler: Handler, refuses: tuple[str, ...]) -> Handler:
        rules = []
        for rule in refuses:
            path, _, allowed = rule.partition("=")
            rules.append((path, path.split("."), allowed))

        def guarded(ctx: Context, request: Request) -> Response:
            for path, parts, allowed in rules:
                for value in _values(request, parts):
                    if allowed and value != allowed:
                        raise self._refuse(f"{path} {value}")
                    if not allowed and value not in (None, False, [], {}, ""):
                        raise self._refuse(path)
            return handler(ctx, request)

        return guarded


def _values(node: Any, parts: list[str]) -> Iterator[Any]:
    """The values of a member, wherever lists stand in between."""
    if isinstance(node, list):
        for item in node:
            yield from _values(item, parts)
    elif not parts:
        yield node
    elif isinstance(node, Mapping) and parts[0] in node:
        yield from _values(node[parts[0]], parts[1:])


def check_member(operation: OperationModel, rule: str) -> None:
    """Make sure that an operation has the member that a rule speaks of.

    Raises:
        LookupError: it has not.
    """
    shape: Any = operation.input_shape
    for part in rule.partition("=")[0].split("."):
        while shape is not None and shape.type_name == "list":
            shape = shape.member
        if shape is None or part not in getattr(shape, "members", {}):
            raise LookupError(f"{operation.name} has no member {rule}")
        shape = shape.members[part]
