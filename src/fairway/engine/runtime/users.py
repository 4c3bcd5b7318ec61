"""As whom a container runs on this machine."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass
from typing import Final

from fairway.engine.runtime.protocol import RuntimeRefusal

NOBODY: Final = 65534
ALLOW_ROOT: Final = "--allow-root-tasks"
_HIGHEST: Final = 2**32 - 2


@dataclass(frozen=True, slots=True)
class Identity:
    """A user and a group of this machine, by number."""

    uid: int
    gid: int


def choose_identity(user: str | None, *, allow_root: bool) -> Identity | None:
    """Whom a container with this `user` (`UID[:GID]` or names; None: neither definition nor image says) runs as.

    None: as the engine's own user, since only root can change to another one.

    Raises:
        RuntimeRefusal: no such user, or it is root and may not be; ECS's text.
    """
    if os.geteuid() != 0:
        return None
    identity = Identity(NOBODY, NOBODY) if not user else _parse(user)
    if not allow_root and 0 in {identity.uid, identity.gid}:
        who = "user 0 (root)" if identity.uid == 0 else "group 0 (root)"
        raise RuntimeRefusal(
            f"CannotStartContainerError: {who} is asked for by user {user!r}, and on this machine that would be the real "
            f"one; give the container another user, or start the engine with {ALLOW_ROOT}"
        )
    return identity


def _parse(user: str) -> Identity:
    name, _, group = user.partition(":")
    if name.isdigit():
        uid = _number(name, user)
        try:
            gid = pwd.getpwuid(uid).pw_gid
        except KeyError:
            gid = uid
    else:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            raise RuntimeRefusal(
                f"CannotStartContainerError: unable to find user {name}: no matching entries in passwd file"
            ) from None
        uid, gid = entry.pw_uid, entry.pw_gid
    if group.isdigit():
        gid = _number(group, user)
    elif group:
        try:
            gid = grp.getgrnam(group).gr_gid
        except KeyError:
            raise RuntimeRefusal(
                f"CannotStartContainerError: unable to find group {group}: no matching entries in group file"
            ) from None
    return Identity(uid, gid)


def _number(text: str, user: str) -> int:
    number = int(text)
    if number > _HIGHEST:
        raise RuntimeRefusal(f"CannotStartContainerError: uids and gids must be in range 0-{_HIGHEST}: {user}")
    return number
