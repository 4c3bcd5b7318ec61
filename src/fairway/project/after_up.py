"""What `up` does once when all is up: a journey, for which it draws secrets, and what it shows of them afterwards.

Of the environment `local` alone: nothing of this reaches a place with users.

[after_up]
journey = "deploy/demo.journey.toml"
secrets = ["DEMO_PASSWORD"]                      # drawn for each data directory, kept there, put in for ${DEMO_PASSWORD}
show = { "sign in as" = "demo@example.com", password = "${DEMO_PASSWORD}" }
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairway.project.checks import JourneyCheck
from fairway.project.journey import needed_variables, put_known, read_journey
from fairway.project.keys import Keys
from fairway.project.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY: Final = "after_up"
_KNOWN: Final = {"journey", "secrets", "show"}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class AfterUp:
    """What is done once."""

    journey: JourneyCheck
    secrets: tuple[str, ...] = ()
    """Names of what is drawn at random."""
    show: tuple[tuple[str, str], ...] = ()
    """What people are told, in its order: a label, and a text in which `${NAME}` of a secret may stand."""


def read_after_up(overlay: Mapping[str, Any], path: Path, root: Path, *, is_local: bool) -> AfterUp | None:
    """What the environment's file says of it; None: nothing.

    Raises:
        UsageError: names file, line, key and remedy.
    """
    if KEY not in overlay:
        return None
    keys = Keys(overlay[KEY], path, KEY, known=_KNOWN)
    if not is_local:
        raise Keys(overlay, path, known=overlay).wrong(
            KEY, f"only the environment local may have {KEY}", "remove it: `up` brings up no other"
        )
    if "journey" not in keys:
        raise keys.wrong("", f"{KEY}.journey is missing", f'add journey = "deploy/{KEY}.journey.toml"')
    variables = overlay.get("variables", {})
    secrets = _secrets(keys, variables)
    show = {label: str(put_known(text, variables)) for label, text in keys.strings("show").items()}
    for label, text in show.items():
        for name in needed_variables(text):
            if name not in secrets:
                what = f"${{{name}}} is neither a secret of {KEY} nor a variable of this environment"
                raise keys.wrong(label, what, did_you_mean(name, {*secrets, *variables}))
    file = root / keys.text("journey")
    return AfterUp(JourneyCheck(file, read_journey(file, variables)), secrets, tuple(show.items()))


def _secrets(keys: Keys, variables: Mapping[str, Any]) -> tuple[str, ...]:
    names = keys.tables("secrets") if "secrets" in keys else []
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise keys.wrong("secrets", f"{name!r} is no name of a secret", 'write secrets = ["DEMO_PASSWORD"]')
        if name in variables:
            raise keys.wrong("secrets", f"{name} is a variable of this environment already", "give it another name")
    return tuple(names)
