"""What a local engine says of itself, over HTTP: for verbs that do not import it."""

from __future__ import annotations

import contextlib
import http.client
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def engine_health(port: int | None, *, seconds: float = 2.0) -> Mapping[str, Any] | None:
    """The health of the engine on a port of 127.0.0.1; None: nobody answers within `seconds`, or somebody else."""
    # not urllib: a proxy that the environment names has no business between two ends of one machine
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port or 80, timeout=seconds)) as connection:
        try:
            connection.request("GET", "/_fairway/health")
            answer = connection.getresponse()
            if answer.getheader("x-fairway-engine") is None:
                return None
            health: Mapping[str, Any] = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
    return health


def valkey_trouble(health: Mapping[str, Any] | None) -> str | None:
    """Why the queue's server does not run; None: it does, or there is none to run. Pure."""
    state = (health or {}).get("valkey")
    return None if state in {None, "running"} else f"the engine's Valkey does not run: {state}"
