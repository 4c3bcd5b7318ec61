from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from tests.end_to_end.engine_process import Balancer, EngineProcess, TargetProcess


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
