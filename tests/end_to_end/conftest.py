from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from tests.end_to_end.engine_process import Balancer, EngineProcess, TargetProcess
from tests.end_to_end.stack import a_stack


@pytest.fixture
def engine():
    folder = Path(tempfile.mkdtemp(prefix="engine"))
    with EngineProcess(folder / "data") as engine:
        yield engine
    assert engine.envoys() == []
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def balancer(engine):
    return Balancer(engine)


@pytest.fixture
def make_target():
    made = []

    def make(name="target"):
        made.append(TargetProcess(name))
        return made[-1]

    yield make
    for target in made:
        target.kill()


@pytest.fixture(scope="session")
def stack():
    """One stack for all tests; each leaves it steady."""
    yield from a_stack()


@pytest.fixture(scope="session")
def fast_stack():
    """Twenty engine seconds each second, so that a minute of waiting or of metrics passes in three."""
    yield from a_stack("--speed", "20")


@pytest.fixture(scope="module")
def mysql_stack():
    """One on a MariaDB of its own; whoever takes it is skipped where none is installed."""
    yield from a_stack("--database", "mysql")
