from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from tests.end_to_end.stack import start


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
