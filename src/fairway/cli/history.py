"""`fairway history`: the deployments of a service, newest first, with their verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.observed import CI_TAG, DEPLOYMENT_TAG, WHY_TAG

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from fairway.aws.observe import Observer
    from fairway.cli.output import Output
    from fairway.observed import ServiceDeployment, TaskDefinition

EXAMPLES: Final = """  fairway history api
  fairway history taskmanager-prod/taskmanager-api --limit 50
"""
UNKNOWN: Final = "unknown"
"""Neither good nor bad: nobody verified it, or too little came to judge by."""
_HEADS: Final = ("WHEN", "REVISION", "VERSION", "STATUS", "VERDICT", "TOOK", "BY", "DEPLOYMENT")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from fairway.cli.where import TARGET_HELP  # noqa: PLC0415 - only what a verb needs is imported

    parser.add_argument("services", nargs="*", metavar="SERVICE", help=f"{TARGET_HELP} (default: all of the project)")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many deployments (20)")


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.cli.where import find_place  # noqa: PLC0415 - only what a verb needs is imported

    if arguments.limit < 1:
        raise UsageError(f"--limit {arguments.limit}: at least 1 deployment", hint="such as --limit 50")
    place = find_place(arguments, arguments.services)
    for named in place.services:
        current = place.observer.service(named.name).task_definition
        entries = deployments(place.observer, named.name, most=arguments.limit)
        for record, definition in entries:
            out.document({"service": named.name, **_document(record, definition, current)})
        out.text(out.paint(f"{named.name} in {place.observer.cluster}", "bold"))
        rows = [_row(record, definition, current) for record, definition in entries]
        for line in _with_notes(table([_HEADS, *rows]), [definition for _, definition in entries]):
            out.text(f"  {line}")
    return 0


def deployments(
    observer: Observer, service: str, *, most: int
) -> list[tuple[ServiceDeployment, TaskDefinition | None]]:
    """Service deployments with what they brought in, newest first; None: the revision was deleted."""
    records = observer.service_deployments(service, most=most)
    of = observer.revision_definitions(record.target_revision.arn for record in records)
    known = {arn: observer.find_task_definition(arn) for arn in set(of.values())}
    return [(record, known.get(of.get(record.target_revision.arn, ""))) for record in records]


def _document(record: ServiceDeployment, definition: TaskDefinition | None, current: str) -> dict[str, Any]:
    return {
        "service_deployment": record.arn,
        "status": record.status,
        "reason": record.reason,
        "created_at": record.created_at,
        "finished_at": record.finished_at,
        "task_definition": None if definition is None else definition.arn,
        "version": None if definition is None else definition.version,
        "verdict": None if definition is None else _verdict(record, definition),
        "why": None if definition is None else definition.tags.get(WHY_TAG),
        "verified_at": None if definition is None else definition.tags.get("fairway:verified-at"),
        "by": None if definition is None else definition.by,
        "commit": None if definition is None else definition.tags.get("fairway:commit"),
        "run": None if definition is None else definition.tags.get(DEPLOYMENT_TAG),
        "ci": None if definition is None else definition.tags.get(CI_TAG),
        "current": definition is not None and definition.arn == current,
    }


def _verdict(record: ServiceDeployment, definition: TaskDefinition) -> str | None:
    """`good`, `bad` or `unknown`; None while it goes on."""
    return definition.verdict or (UNKNOWN if record.is_over else None)


def _row(record: ServiceDeployment, definition: TaskDefinition | None, current: str) -> tuple[str, ...]:
    took = "" if record.finished_at is None else f"{(record.finished_at - record.created_at).total_seconds():.0f} s"
    when = f"{record.created_at:%Y-%m-%d %H:%M:%S}"
    if definition is None:
        return (when, "(deleted)", "", record.status, "", took, "", record.id)
    marker = "*" if definition.arn == current else ""
    by = (definition.by or "").rsplit("/", 1)[-1]
    verdict = _verdict(record, definition) or "-"
    return (when, f"{definition.name}{marker}", definition.version or "", record.status, verdict, took, by, record.id)


def _with_notes(lines: list[str], definitions: Sequence[TaskDefinition | None]) -> list[str]:
    """Below each row: why its verdict is what it is, and where it was deployed from. Each revision's once."""
    head, *rows = lines
    told: set[str] = set()
    made = [head]
    for line, definition in zip(rows, definitions, strict=True):
        made.append(line)
        if definition is None or definition.arn in told:
            continue
        told.add(definition.arn)
        tags = definition.tags
        made += [f"    {name}: {tags[tag]}" for name, tag in (("why", WHY_TAG), ("CI", CI_TAG)) if tags.get(tag)]
    return made


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns that line up."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
