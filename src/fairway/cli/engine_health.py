"""What a local engine says of itself, over HTTP: for verbs that do not import it."""

from __future__ import annotations

import contextlib
import http.client
import json
from typing import TYPE_CHECKING, Any, Final

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


STORES: Final = {"valkey": "Valkey", "mariadb": "MariaDB"}
"""Servers beside the engine: their place in its health, and their names."""


def store_troubles(health: Mapping[str, Any] | None) -> dict[str, str]:
    """Why servers beside the engine do not run, by their place in its health; those that run, or are not there, are left out. Pure."""
    said = {key: (health or {}).get(key) for key in STORES}
    return {
        key: f"the engine's {STORES[key]} does not run: {state}"
        for key, state in said.items()
        if state not in {None, "running"}
    }
