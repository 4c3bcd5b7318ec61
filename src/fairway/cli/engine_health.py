"""What a local engine says of itself, over HTTP: for verbs that do not import it."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def engine_health(port: int | None, *, seconds: float = 2.0) -> Mapping[str, Any] | None:
    """The health of the engine on a port of 127.0.0.1; None: nobody answers within `seconds`, or somebody else."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port or 80}/_fairway/health", timeout=seconds) as answer:
            if "x-fairway-engine" not in {name.lower() for name in answer.headers}:
                return None
            health: Mapping[str, Any] = json.load(answer)
    except (OSError, ValueError):
        return None
    return health


def valkey_trouble(health: Mapping[str, Any] | None) -> str | None:
    """Why the queue's server does not run; None: it does, or there is none to run. Pure."""
    state = (health or {}).get("valkey")
    return None if state in {None, "running"} else f"the engine's Valkey does not run: {state}"
