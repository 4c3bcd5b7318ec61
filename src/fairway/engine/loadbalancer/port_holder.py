"""Who has a port of this machine, as far as it can be found out."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
_LISTENING: Final = "0A"


def can_listen(port: int) -> bool:
    """Whether a program of this user could listen on 127.0.0.1:port now."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def holder_of(port: int) -> str:
    """`nginx (process 4711)`, or `another program` where the system does not tell."""
    inodes = _listening_inodes(port)
    if inodes:
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and _holds(process, inodes):
                return f"{_name(process)} (process {process.name})"
    return "another program"


def refusal(port: int) -> str:
    """What to tell about a listener whose port is taken."""
    return (
        f"{HOST}:{port} is in use by {holder_of(port)}: stop that one, or change the listener's port "
        "(aws elbv2 modify-listener --port)"
    )


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (Path("/proc/net") / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found


def _holds(process: Path, inodes: set[str]) -> bool:
    try:
        return any(str(descriptor.readlink()) in inodes for descriptor in (process / "fd").iterdir())
    except OSError:
        return False  # it ended meanwhile, or belongs to another user


def _name(process: Path) -> str:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return "a program"
    name = Path(words[0].decode(errors="replace")).name
    if name.startswith("python") and len(words) > 2:  # noqa: PLR2004 - an interpreter and what it runs
        script = next((w.decode(errors="replace") for w in words[1:] if w and not w.startswith(b"-")), "")
        return f"{name} {Path(script).name}".strip()
    return name or "a program"
