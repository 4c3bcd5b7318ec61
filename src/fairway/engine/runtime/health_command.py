"""Turns a health command of a task definition into what is run on this machine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairway.engine.model.network import PortBinding

_ADDRESS: Final = re.compile(r"(?<![\w.-])(?P<host>localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]):(?P<port>\d{1,5})(?!\d)")


def health_argv(command: Sequence[str], ports: Sequence[PortBinding]) -> list[str]:
    """The program and arguments of `["CMD", …]` or `["CMD-SHELL", TEXT]`, or of a bare list as ECS takes it.

    A task's container port is another port here: it is replaced, but only where it stands behind an address of the task
    itself.
    """
    hosts = {binding.container_port: binding.host_port for binding in ports}
    words = [_rewrite(word, hosts) for word in command]
    match words:
        case ["CMD-SHELL", *rest]:
            return ["/bin/sh", "-c", " ".join(rest)]
        case ["CMD", *rest]:
            return rest
        case [text]:
            return ["/bin/sh", "-c", text]
        case _:
            return words


def _rewrite(text: str, hosts: dict[int, int]) -> str:
    def put(match: re.Match[str]) -> str:
        return f"{match['host']}:{hosts.get(int(match['port']), match['port'])}"

    return _ADDRESS.sub(put, text)
