"""Runs that have not ended, for whoever looks: one that waits for somebody is not seen on any service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairway.cli.command import command
from fairway.errors import FairwayError

if TYPE_CHECKING:
    from fairway.cli.output import Output
    from fairway.cli.where import Place
    from fairway.deployment.journal import Journal


def say_unfinished(place: Place, out: Output, environment: str | None) -> None:
    """Say which runs of these services are open, how far each is, and the command that goes on with it.

    Without a project the keys of services are not known, and every run of the cluster is named.
    """
    from fairway.deployment.journal import Journals  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.deployment.lock import Locks  # noqa: PLC0415

    try:
        found = Journals(place.aws, place.observer.cluster).all()
        driven = Locks(place.aws, place.observer.cluster, (), "").held_by() if found else {}
    except FairwayError:
        # who may look at services need not be allowed to read what runs have left
        return
    keys = {named.address for named in place.services}
    for journal in found:
        if place.project is not None and not keys & set(journal.services):
            continue
        text, commands = standing_of(journal, environment, is_driven=journal.run in driven)
        out.document(_document(journal, commands, is_driven=journal.run in driven))
        out.text(out.paint(f"run {journal.run} {text}", "yellow"))
        for line in commands:
            out.text(f"    → {line}")


def standing_of(journal: Journal, environment: str | None, *, is_driven: bool) -> tuple[str, list[str]]:
    """(how far a run is, the commands that go on with it). Pure."""
    from fairway.deployment.journal import State  # noqa: PLC0415 - only what a verb needs is imported

    what = ", ".join(journal.services) + (f" {journal.tag}" if journal.tag else "")
    who = f"({what}; begun {journal.began:%Y-%m-%d %H:%M:%S} by {journal.by})"
    if is_driven:
        return f"{who} is under way: it {'is verified and watched' if journal.is_deployed else 'deploys'}", []
    if journal.state is State.GOING:
        resume = command(f"deploy --resume {journal.run}", environment)
        return f"{who} has not deployed to its end, and nobody goes on with it", [resume]
    pending = command("watch --pending", environment)
    accept = command(f'watch --accept {journal.run} --why "…"', environment)
    if journal.state is State.WATCHING:
        return f"{who} is deployed, and still to be verified or watched", [pending]
    return f"{who} is deployed, and held: whether it is good is not known", [
        f"{pending} (watches another window)",
        f"{accept} (it is good)",
        f"{command('rollback', environment)} (it is not)",
    ]


def _document(journal: Journal, commands: list[str], *, is_driven: bool) -> dict[str, Any]:
    return {
        "run": journal.run,
        "state": str(journal.state),
        "driven": is_driven,
        "services": list(journal.services),
        "tag": journal.tag,
        "by": journal.by,
        "began": journal.began.isoformat(),
        "next": commands,
    }
