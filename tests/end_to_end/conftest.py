from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from tests.end_to_end.engine_process import Balancer, EngineProcess, TargetProcess
from tests.end_to_end.stack import start


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
    """One stack for all tests; each leaves it steady. pytest's own folders are closed to the users that tasks run as."""
    folder = Path(tempfile.mkdtemp(prefix="fairway-"))
    folder.chmod(0o755)
    running = start(folder / "data")
    yield running
    running.run("down", "--purge", "--yes")
    assert not running.data.exists()
    assert not running.processes("")
    shutil.rmtree(folder)
