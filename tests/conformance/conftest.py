"""boto3 against the engine as any client sees it.

`FAIRWAY_CONFORMANCE_ENDPOINT=URL` runs the same tests against an engine that is running; `aws` runs them against AWS, with
the credentials of the environment (tests of the simulated runtime are left out there).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from tests.conformance.engine_process import EngineProcess, running_engine
from tests.conformance.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEED = 50.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "conformance" in item.path.parts:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str | None]:
    chosen = os.environ.get("FAIRWAY_CONFORMANCE_ENDPOINT")
    if chosen:
        yield None if chosen == "aws" else chosen
        return
    with running_engine(tmp_path_factory.mktemp("engine") / "data", speed=SPEED) as engine:
        yield engine.url
        assert "Traceback" not in engine.log, engine.log


@pytest.fixture
def simulated(endpoint: str | None) -> None:
    """For tests whose containers behave as `fairway.sim.*` labels say."""
    if endpoint is None:
        pytest.skip("AWS runs real containers")


@pytest.fixture
def world(endpoint: str | None) -> World:
    return World(endpoint, f"t{uuid4().hex[:6]}", speed=SPEED)


@pytest.fixture
def own_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    """An engine for one test alone."""
    with running_engine(tmp_path_factory.mktemp("own") / "data", speed=SPEED) as engine:
        yield engine
