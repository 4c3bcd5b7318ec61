"""Fairway: deploys services to Amazon ECS, and rehearses the same deployment on one machine first.

The package is lazy (PEP 562): importing it, or one of its pure parts, loads nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

_EXPORTS: Final[dict[str, str]] = {
    "FairwayError": "fairway.errors",
}

__all__ = ["FairwayError"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_EXPORTS])
