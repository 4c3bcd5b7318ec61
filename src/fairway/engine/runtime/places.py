"""Folders that every user of the machine can enter, for an engine that runs as root and its tasks that do not.

What tasks read (images) or write (their scratch folders) lies in the data directory. If that is below a folder which other
users cannot enter, such as root's home, these lie in a stand-in under `/var/lib/fairway` instead; the file `elsewhere` in the
folder says where. As an ordinary user tasks run as that user, and everything stays in the data directory.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Final

from fairway.errors import UsageError

STAND_INS: Final = Path("/var/lib/fairway")
_NOTE: Final = "elsewhere"
_ORIGIN: Final = "origin"
_ENTERABLE: Final = 0o711


def enterable(folder: Path) -> Path:
    """The folder itself when every user can enter it, else its stand-in; either is made when it is missing.

    Raises:
        UsageError: neither can be made.
    """
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() != 0:
            return folder
        note = folder / _NOTE
        if note.exists():
            place = Path(note.read_text(encoding="utf-8"))
        else:
            folder.chmod(folder.stat().st_mode | _ENTERABLE)
            if all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents)):
                return folder
            _forget_orphans()
            place = STAND_INS / sha256(str(folder).encode()).hexdigest()[:16]
            note.write_text(str(place), encoding="utf-8")
        STAND_INS.mkdir(parents=True, exist_ok=True)
        STAND_INS.chmod(_ENTERABLE)
        place.mkdir(exist_ok=True)
        place.chmod(_ENTERABLE)
        (place / _ORIGIN).write_text(str(folder), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be made enterable by the users that tasks run as: {error}",
            hint="choose another data directory with --data DIR, for example below /var/lib",
        ) from error
    return place


def needs_stand_in(folder: Path) -> bool:
    """Whether `enterable` has, or would make, a stand-in for a folder that may not exist yet."""
    if os.geteuid() != 0:
        return False
    folder = folder.absolute()
    if (folder / _NOTE).exists():
        return True
    # what is missing would be made enterable by whoever makes it
    return not all(part.stat().st_mode & 0o001 for part in folder.parents if part.exists())


def purge(folder: Path) -> None:
    """Delete the folder and its stand-in, and the place of the stand-ins when it was the last one."""
    note = folder / _NOTE
    if note.exists():
        shutil.rmtree(note.read_text(encoding="utf-8"), ignore_errors=True)
        with contextlib.suppress(OSError):  # others have theirs in it
            STAND_INS.rmdir()
    shutil.rmtree(folder, ignore_errors=True)


def _forget_orphans() -> None:
    """Stand-ins of folders that were deleted behind our back."""
    if not STAND_INS.is_dir():
        return
    for place in STAND_INS.iterdir():
        origin = place / _ORIGIN
        if origin.exists() and not Path(origin.read_text(encoding="utf-8")).exists():
            shutil.rmtree(place, ignore_errors=True)
