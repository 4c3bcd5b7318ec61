"""The services without loops: requests go through the dispatcher, and nothing else happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from fairway.engine.api.dispatch import Answer, Dispatcher
from fairway.engine.services.catalogue import TABLES as OPERATION_TABLES
from fairway.engine.services.network import default_subnets, seed_network
from fairway.engine.services.operation import Context
from fairway.engine.store.metrics import MetricStore
from fairway.engine.store.schema import TABLES
from fairway.engine.store.store import Store
from fairway.ids import CountedIds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

T0 = datetime(2026, 1, 1, tzinfo=UTC)
REGION = "us-east-1"
NETWORK = {"awsvpcConfiguration": {"subnets": [subnet.id for subnet in default_subnets(REGION)]}}


class Refused(Exception):
    """The answer was an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer
        self.body: dict[str, Any] = orjson.loads(answer.body)


class Account:
    """An engine's services over a store; the time stands still unless it is moved."""

    def __init__(self, path: Path | None = None, log_root: Path | None = None) -> None:
        self.store = Store(TABLES, path)
        self.now = T0
        self._ids = CountedIds()
        self._log_root = log_root
        self.metrics = MetricStore()
        self._dispatcher = Dispatcher(OPERATION_TABLES)
        seed_network(self.store)

    def __call__(self, service: str, operation: str, /, **request: Any) -> dict[str, Any]:
        answer = self._dispatcher.json(service, operation, orjson.dumps(request), self._context)
        if answer.status != 200:
            raise Refused(answer)
        body: dict[str, Any] = orjson.loads(answer.body)
        return body

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def definition(self, family: str = "f", **changes: Any) -> str:
        request: Mapping[str, Any] = {
            "family": family,
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [{"name": "app", "image": "i", "portMappings": [{"containerPort": 80}]}],
        } | changes
        arn: str = self("ecs", "RegisterTaskDefinition", **request)["taskDefinition"]["taskDefinitionArn"]
        return arn

    def service(self, name: str = "s", **changes: Any) -> dict[str, Any]:
        request: Mapping[str, Any] = {
            "serviceName": name,
            "taskDefinition": "f",
            "desiredCount": 2,
            "launchType": "FARGATE",
            "networkConfiguration": NETWORK,
        } | changes
        shown: dict[str, Any] = self("ecs", "CreateService", **request)["service"]
        return shown

    # -- Host -------------------------------------------------------------------------------------------------------

    @property
    def log_root(self) -> Path:
        assert self._log_root is not None
        return self._log_root

    @property
    def rate(self) -> float:
        return 1.0

    def from_wall(self, wall: datetime) -> datetime:
        return wall

    def to_wall(self, engine_time: datetime) -> datetime:
        return engine_time

    def choose_listener_port(self, port: int) -> int:
        return port + 8000

    def _context(self) -> Context:
        return Context(
            store=self.store,
            now=self.now,
            ids=self._ids,
            region=REGION,
            account="123456789012",
            request_id="r",
            caller_arn="arn:aws:iam::123456789012:user/tester",
            host=self,
        )
