"""Placeholder of the branch that brings monitoring."""

from __future__ import annotations

from typing import Any


def monitor(*arguments: Any, **options: Any) -> dict[str, Any]:
    del arguments, options
    return {}
