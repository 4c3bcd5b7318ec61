"""The program of a shim: takes the lock of the container's folder, hears what to run, and runs it."""

from __future__ import annotations

import fcntl
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from shim.container import Container  # type: ignore[import-not-found]
from shim.control import receive_line  # type: ignore[import-not-found]
from shim.processes import SUBREAPER, prctl  # type: ignore[import-not-found]

del sys.path[0]
_HIGHEST_DESCRIPTOR = 2**31 - 1


def main() -> None:
    """Run one container to its end."""
    folder, descriptor = sys.argv[1], int(sys.argv[2])
    os.closerange(descriptor + 1, _HIGHEST_DESCRIPTOR)  # what the engine itself was given by whoever started it
    os.chdir(folder)
    os.umask(0o077)
    os.set_inheritable(descriptor, False)
    control = socket.socket(fileno=descriptor)
    lock = os.open("lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        control.sendall(b'{"event": "held"}\n')
        return
    spec = receive_line(control)
    if spec is not None:  # else the engine died before it said what to run
        prctl(SUBREAPER, 1)
        Container(spec, control).run()


if __name__ == "__main__":
    main()
