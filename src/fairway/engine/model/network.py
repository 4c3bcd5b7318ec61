"""How a task is reached: AWS's picture of it, and where it listens on this machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class PortBinding:
    """`containerPort` of an awsvpc task is 127.0.0.1:`host_port` here."""

    container: str
    container_port: int
    host_port: int
    """0: nothing listens (simulated runtime)."""
    protocol: str = "tcp"
