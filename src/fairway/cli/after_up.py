"""Does what a project asks for once after `up`, and says what people need to know of it.

The secrets that are drawn for it lie in the data directory, for its user alone; whoever calls `up` again is told them again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fairway.cli.command import command
from fairway.endpoint.journey import check_journey
from fairway.endpoint.result import State
from fairway.ids import RandomIds
from fairway.project.journey import put_known

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fairway.cli.output import Output
    from fairway.project.after_up import AfterUp

FILE: Final = "after-up.json"
_SECRET_DIGITS: Final = 20
_SECONDS: Final = 30.0


def do_after_up(wanted: AfterUp, project: str, data: Path, address: str, variables: Mapping[str, str]) -> str | None:
    """Play the journey if it never was, to its end; what went wrong, when something did.

    It is tried again at the next `up`: a journey is written so that it can be (`status = [201, 409]`, `Idempotency-Key`).
    """
    kept = _Kept(data / FILE, project)
    values = kept.secrets(wanted.secrets)
    if kept.is_done:
        return None
    result = check_journey(wanted.journey, address, version=None, variables={**variables, **values}, timeout=_SECONDS)
    if result.state is not State.PASSED:
        return result.text
    kept.mark_done()
    return None


def shown(wanted: AfterUp, project: str, data: Path) -> dict[str, str]:
    """What people are told, with the secrets of this data directory."""
    values = _Kept(data / FILE, project).secrets(wanted.secrets)
    return {label: str(put_known(text, values)) for label, text in wanted.show}


def tell_after_up(told: Mapping[str, str], problem: str | None, out: Output, environment: str | None) -> None:
    """The lines for people; programs get the same with the event `up`."""
    if problem is not None:
        out.text(out.paint(f"what is done after up went wrong: {problem}", "yellow"))
        out.text(f"  → correct it, and try again: {command('up', environment)}")
        return
    width = max((len(label) for label in told), default=0)
    for label, text in told.items():
        out.text(f"  {label:<{width}}  {text}")


class _Kept:
    """What a data directory keeps of it, for each project."""

    def __init__(self, path: Path, project: str) -> None:
        self._path = path
        self._project = project

    @property
    def is_done(self) -> bool:
        return bool(self._mine().get("done"))

    def secrets(self, names: tuple[str, ...]) -> dict[str, str]:
        """The value of each; one that has none is drawn, and kept before anybody is told."""
        mine = self._mine()
        known: dict[str, str] = mine.get("secrets", {})
        missing = [name for name in names if name not in known]
        if missing:
            ids = RandomIds()
            known = known | {name: ids.hexadecimal(_SECRET_DIGITS) for name in missing}
            self._write({**mine, "secrets": known})
        return {name: known[name] for name in names}

    def mark_done(self) -> None:
        self._write({**self._mine(), "done": True})

    def _mine(self) -> dict[str, Any]:
        mine: dict[str, Any] = self._all().get(self._project, {})
        return mine

    def _all(self) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return document

    def _write(self, mine: dict[str, Any]) -> None:
        temporary = self._path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps({**self._all(), self._project: mine}), encoding="utf-8")
        temporary.replace(self._path)
