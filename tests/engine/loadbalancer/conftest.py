from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

import pytest
from tests.engine.loadbalancer.backends import Backend

from fairway.engine.loadbalancer.envoy import EnvoyDataPlane
from fairway.engine.loadbalancer.fallback import FallbackDataPlane

PLANES = {"envoy": EnvoyDataPlane, "fallback": FallbackDataPlane}


@pytest.fixture(params=sorted(PLANES))
def kind(request):
    return request.param


@pytest.fixture
def folder():
    """A short path: pytest's own folders are longer than a socket's address may be."""
    path = Path(tempfile.mkdtemp(prefix="lb"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@contextlib.asynccontextmanager
async def opened(plane):
    await plane.open()
    try:
        yield plane
    finally:
        await plane.close(leave_running=False)


@pytest.fixture
async def plane(kind, folder):
    async with opened(PLANES[kind](folder)) as plane:
        yield plane


@pytest.fixture
async def a():
    async with Backend("a") as backend:
        yield backend


@pytest.fixture
async def b():
    async with Backend("b") as backend:
        yield backend
