r"""The records of a log stream's segment files.

A stream is a folder; its segments are `00000000.log`, `00000001.log` …, a new one about each 8 MiB. A record is one line:

    MILLISECONDS SPACE MESSAGE NEWLINE

MILLISECONDS is the wall time (UTC epoch) at which the line was read. MESSAGE is UTF-8 with backslash, newline and carriage
return written as `\\`, `\n`, `\r`. A writer only ever appends whole records; a reader leaves a last line without its
newline for later. The shim, which imports nothing of Fairway, writes the same format.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

SEGMENT_BYTES: Final = 8 * 1024 * 1024
MAX_MESSAGE_BYTES: Final = 256 * 1024 - 26
"""A longer line of a container becomes several records, as Docker's awslogs driver makes of it."""


def encode_record(milliseconds: int, message: str) -> bytes:
    text = message.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{milliseconds} {text}\n".encode("utf-8", "replace")


def decode_record(line: bytes) -> tuple[int, str]:
    """The time in milliseconds and the message of one line (with or without its newline).

    Raises:
        ValueError: not a record.
    """
    stamp, separator, text = line.removesuffix(b"\n").partition(b" ")
    if not separator:
        raise ValueError("not a log record")
    out: list[str] = []
    pieces = iter(text.decode("utf-8", "replace").split("\\"))
    out.append(next(pieces))
    for piece in pieces:
        if piece == "":  # an escaped backslash: the next piece is plain text
            out.append("\\" + next(pieces, ""))
        else:
            out.append({"n": "\n", "r": "\r"}.get(piece[0], piece[0]) + piece[1:])
    return int(stamp), "".join(out)


def stream_folder(region: str, group: str, stream: str) -> str:
    """The folder of a stream below the data directory's `logs`: `REGION/HASH OF GROUP/HASH OF STREAM`."""
    return f"{region}/{_digest(group)}/{_digest(stream)}"


def group_folder(region: str, group: str) -> str:
    """The folder of a group below the data directory's `logs`."""
    return f"{region}/{_digest(group)}"


def _digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:32]
