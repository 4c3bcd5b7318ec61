"""The sizes that a Fargate task can have.

Source: ECS API Reference, RegisterTaskDefinition, "memory".
"""

from __future__ import annotations

from typing import Final

SIZES: Final[dict[int, frozenset[int]]] = {
    256: frozenset({512, 1024, 2048}),
    512: frozenset(range(1024, 4096 + 1, 1024)),
    1024: frozenset(range(2048, 8192 + 1, 1024)),
    2048: frozenset(range(4096, 16384 + 1, 1024)),
    4096: frozenset(range(8192, 30720 + 1, 1024)),
    8192: frozenset(range(16384, 61440 + 1, 4096)),
    16384: frozenset(range(32768, 122880 + 1, 8192)),
}
"""CPU units -> MiB."""


def cpu_units(text: str) -> int | None:
    """CPU units of `1024`, `1 vCPU` or `.5 vcpu`; None: cannot be read."""
    text = text.strip().lower()
    if text.isdigit():
        return int(text)
    number = text.removesuffix("vcpu").strip()
    try:
        return int(float(number) * 1024) if text.endswith("vcpu") else None
    except ValueError:
        return None


def memory_mib(text: str) -> int | None:
    """MiB of `2048`, `2GB` or `0.5 GB`; None: cannot be read."""
    text = text.strip().lower()
    if text.isdigit():
        return int(text)
    number = text.removesuffix("gb").strip()
    try:
        return int(float(number) * 1024) if text.endswith("gb") else None
    except ValueError:
        return None


def is_size(cpu: int, memory: int) -> bool:
    return memory in SIZES.get(cpu, ())
