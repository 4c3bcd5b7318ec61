"""What a container finds when it starts: its program, its variables, its folder."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairway.engine.runtime.images import DEFAULT_STOP_SIGNAL
from fairway.engine.runtime.protocol import RuntimeRefusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.engine.runtime.images import Image
    from fairway.engine.runtime.protocol import ContainerSpec

MARK: Final = "FAIRWAY_CONTAINER_ID"
"""The variable by which a container's processes are found when nothing else knows them any more."""
SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Program:
    """What is run, and in which surroundings."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    working_directory: Path
    stop_signal: int


def surround(spec: ContainerSpec, image: Image, scratch: Path, mark: str) -> Program:
    """The program of a container. The definition wins over the image, and the machine's ports over both.

    Raises:
        RuntimeRefusal: there is no command, or something named does not exist.
    """
    return Program(
        _argv(spec, image),
        _environment(spec, image, scratch, mark),
        _working_directory(spec, image),
        _stop_signal(image.config.stop_signal or spec.stop_signal or DEFAULT_STOP_SIGNAL),
    )


def _argv(spec: ContainerSpec, image: Image) -> tuple[str, ...]:
    """As Docker: an entry point of the definition takes the image's command away with the image's entry point."""
    if spec.entry_point is not None:
        argv = spec.entry_point + (spec.command or ())
    else:
        argv = image.config.entry_point + (spec.command if spec.command is not None else image.config.command)
    if not argv or not argv[0]:
        raise RuntimeRefusal(f"CannotStartContainerError: no command specified for container {spec.ref.container}")
    return argv


def _environment(spec: ContainerSpec, image: Image, scratch: Path, mark: str) -> dict[str, str]:
    variables = {
        "PATH": f"{image.environment}/bin:{SYSTEM_PATH}",
        "VIRTUAL_ENV": str(image.environment),
        "PYTHONPATH": str(image.app),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(scratch),
        "TMPDIR": str(scratch / "tmp"),
        "LANG": "C.UTF-8",
    }
    variables |= image.config.environment
    variables |= spec.environment
    own = [binding for binding in spec.ports if binding.container == spec.ref.container]
    if own:
        variables["PORT"] = str(own[0].host_port)
    variables |= {f"FAIRWAY_PORT_{binding.container_port}": str(binding.host_port) for binding in spec.ports}
    variables[MARK] = mark
    for name, value in variables.items():
        if "\0" in name + value or not name or "=" in name:
            raise RuntimeRefusal(f"CannotStartContainerError: the environment variable {name!r} cannot be set")
    return variables


def _working_directory(spec: ContainerSpec, image: Image) -> Path:
    """The image's `app`; an absolute folder is looked for in the image first, then on this machine."""
    wanted = spec.working_directory
    if not wanted:
        return image.app
    inside = Path(os.path.normpath(image.folder / wanted.lstrip("/")))
    if inside.is_relative_to(image.folder) and inside.is_dir():
        return inside
    if wanted.startswith("/"):
        return Path(wanted)
    return image.app / wanted


def _stop_signal(name: str) -> int:
    """The number of `SIGTERM`, `TERM` or `15`."""
    try:
        if name.isdigit():
            return int(signal.Signals(int(name)))
        return int(signal.Signals[name.upper() if name.upper().startswith("SIG") else f"SIG{name.upper()}"])
    except (KeyError, ValueError):
        raise RuntimeRefusal(f"CannotStartContainerError: invalid stop signal {name}") from None
