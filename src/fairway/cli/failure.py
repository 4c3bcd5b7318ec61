"""Says why a deployment failed: the reason first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fairway.cli.command import command
from fairway.errors import FairwayError

if TYPE_CHECKING:
    from fairway.aws.observe import Observer
    from fairway.cli.output import Output
    from fairway.deployment.diagnosis import Diagnosis
    from fairway.observed import Picture


def explain(
    out: Output, observer: Observer, picture: Picture, address: str, environment: str | None
) -> Diagnosis | None:
    """Fetch evidence, diagnose, and print; None: AWS did not answer any more. `environment` is --env as it was given."""
    from fairway.deployment.diagnosis import diagnose  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.deployment.evidence import with_evidence  # noqa: PLC0415

    try:
        diagnosis = diagnose(with_evidence(observer, picture), address=address)
    except FairwayError as error:
        out.note(f"why it failed cannot be asked now: {error.message}")
        out.note(f"  → {command(f'why {address}', environment)}")
        return None
    show(out, diagnosis, environment)
    return diagnosis


def show(out: Output, diagnosis: Diagnosis, environment: str | None) -> None:
    """Print a diagnosis, with a next command that can be pasted."""
    from fairway.deployment.diagnosis import render  # noqa: PLC0415 - only what a verb needs is imported

    diagnosis = replace(diagnosis, next_command=command(diagnosis.next_command, environment))
    out.event("diagnosis", **diagnosis.document())
    lines = render(diagnosis)
    out.text()
    out.text(out.paint(lines[0], "green" if diagnosis.is_well else "red"))
    for line in lines[1:]:
        out.text(out.paint(line, "bold") if line.strip().startswith("likely cause:") else line)
