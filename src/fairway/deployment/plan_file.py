"""Plans that were kept in a file: `plan --out` writes one, `deploy --plan` does exactly that or refuses."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.planning.planfile import FORMAT, KIND, disagreements, is_carried_out, wanted_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fairway.observed import Surroundings
    from fairway.planning.planfile import Wanted
    from fairway.planning.release import Release

_MODE: Final = 0o600


def write_plan_file(path: Path, document: Mapping[str, Any]) -> None:
    """Write a plan that only its owner may read, in one step: a reader never sees half of it.

    Raises:
        UsageError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "w", encoding="utf-8") as file:
            file.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}", hint="choose another file: --out FILE"
        ) from None


def read_plan_file(path: Path) -> dict[str, Any]:
    """A plan that was written by `plan --out`.

    Raises:
        UsageError: it cannot be read, or is no such plan.
    """
    again = "make one: fairway plan … --out FILE"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"there is no plan {path}", hint=again) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}", hint=again) from None
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise UsageError(f"{path} is no plan: not JSON", hint=again) from None
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise UsageError(f"{path} is no plan of Fairway's", hint=again)
    if document.get("format") != FORMAT:
        raise UsageError(
            f"{path} has the format {document.get('format')}, and this Fairway knows {FORMAT}", hint="make a new plan"
        )
    for name in ("services", "tasks"):
        entries = document.get(name)
        if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
            raise UsageError(f"{path} is no whole plan: {name} is missing or broken", hint=again)
    return document


def planned_choices(path: Path) -> Wanted:
    """What the command line was when the plan was made: so that `deploy --plan FILE` needs no more words.

    Raises:
        UsageError: it is no plan.
    """
    document = read_plan_file(path)
    try:
        return wanted_of(document)
    except (TypeError, ValueError):
        raise UsageError(f"{path} is no whole plan", hint="make one: fairway plan … --out FILE") from None


def check_plan_file(
    path: Path, release: Release, living: Surroundings, environment: str, *, pinned: Release | None = None
) -> None:
    """Make sure that a release is still exactly the plan, against what lived when it was made. Nothing is changed.

    `pinned`: the release with every image by its digest, where the plan names some by tag.

    Raises:
        UsageError: it is no plan, one of another account or environment, or something differs; says what.
    """
    document = read_plan_file(path)
    reasons = disagreements(document, release, living, environment)
    if reasons and is_carried_out(document, release, pinned or release, living, environment):
        raise UsageError(
            f"{path} has been carried out already: what it plans serves, and nothing was changed now",
            hint="a further change needs a plan of its own: fairway plan … --out FILE",
        )
    if reasons:
        raise UsageError(
            f"{path} does not hold any more, and nothing was changed: {'; '.join(reasons)}",
            hint=_hint(document, reasons),
        )


def _hint(document: Mapping[str, Any], reasons: list[str]) -> str:
    if any(reason.startswith("it was made for the environment") for reason in reasons):
        return f"deploy where it was made: --env {document.get('environment')}; or make a new plan"
    if document.get("sets") and any("renders differently" in reason for reason in reasons):
        return f"it was made with --set {', '.join(document['sets'])}: give the same values; or make a new plan"
    return "look at it again: fairway plan … --out FILE"
