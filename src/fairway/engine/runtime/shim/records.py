"""Writes what a container prints into the segment files of its log stream."""

from __future__ import annotations

import errno
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_CONTINUES, _CONTINUATION = 0xC0, 0x80
"""A byte of UTF-8 that continues a character, under this mask, is this."""
SEGMENT_BYTES = 8 * 1024 * 1024
MAX_MESSAGE_BYTES = 256 * 1024 - 26


class Log:
    """Appends lines to a log stream. A full disk makes it wait: nothing is dropped."""

    def __init__(self, folder: str | None) -> None:
        """`folder` None: what it is fed is dropped."""
        self.pending = bytearray()
        """Records that the disk did not take yet."""
        self._folder = folder
        self._rests: dict[int, bytes] = {}
        self._file: int | None = None
        self._number = 0
        self._whole = True

    def feed(self, source: int, data: bytes) -> None:
        """Take what came from a pipe; a last line without its newline waits for the rest of it."""
        if self._folder is None:
            return
        *lines, rest = (self._rests.pop(source, b"") + data).split(b"\n")
        while len(rest) > MAX_MESSAGE_BYTES:
            cut = _boundary(rest)
            lines.append(rest[:cut])
            rest = rest[cut:]
        self._rests[source] = rest
        self._append(lines)
        self.flush()

    def close(self, patience_seconds: float) -> bool:
        """Write what is left, lines without newline too; whether the disk took it all."""
        self._append(self._rests.values())
        self._rests = {}
        deadline = time.monotonic() + patience_seconds
        while not self.flush() and time.monotonic() < deadline:
            time.sleep(0.2)
        return not self.pending

    def flush(self) -> bool:
        """Write what is pending; False: the disk does not take all of it now."""
        try:
            while self.pending:
                written = os.write(self._segment(), self.pending)
                self._whole = self.pending[written - 1] == ord("\n")
                del self.pending[:written]
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                print("log:", error, file=sys.stderr, flush=True)
            return False
        return True

    def _append(self, lines: Iterable[bytes]) -> None:
        stamp = b"%d " % int(time.time() * 1000)
        for line in lines:
            text = line.decode("utf-8", "replace").encode()
            while text:  # as with the awslogs driver, an empty line is no event
                cut = _boundary(text)
                self.pending += stamp + text[:cut].replace(b"\\", b"\\\\").replace(b"\r", b"\\r") + b"\n"
                text = text[cut:]

    def _segment(self) -> int:
        """The newest segment's descriptor; one that is full or was deleted gets a successor, between whole records only."""
        if self._file is not None:
            status = os.fstat(self._file)
            if status.st_nlink and (status.st_size < SEGMENT_BYTES or not self._whole):
                return self._file
            os.close(self._file)
            self._file = None
            self._number += 1 if status.st_nlink else 0
        assert self._folder is not None
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        names = [name[:-4] for name in os.listdir(self._folder) if name.endswith(".log")]
        self._number = max([self._number, *(int(name) for name in names if name.isdigit())])
        path = os.path.join(self._folder, f"{self._number:08d}.log")
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")  # whoever wrote here before was killed within a record
        return self._file


def _boundary(text: bytes) -> int:
    """Where to cut so that the first part fits into a record, and no character is cut in two."""
    cut = min(len(text), MAX_MESSAGE_BYTES)
    for back in range(4):
        if cut == len(text) or text[cut - back] & _CONTINUES != _CONTINUATION:
            return cut - back
    return cut  # not UTF-8 anyway
