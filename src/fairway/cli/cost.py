"""`fairway cost`: what the project's services cost a month. Asks nobody: files and a table of prices."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairway.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from fairway.cli.output import Output

EXAMPLES: Final = """  fairway cost --env production
  fairway cost --env production --hours 730    as AWS's calculator counts a month; the table has 720, 30 days

Prices are a file to edit: [project] prices = "deploy/prices.toml" in fairway.toml; without it, the one that comes with Fairway.
`A MONTH` follows the capacity provider strategy of the service, else of the cluster's definition; `ON FARGATE` is without Spot.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hours", metavar="N", help="hours of a month (default: those of the table of prices)")


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.planning.project_cost import cost_documents, cost_lines, project_cost  # noqa: PLC0415 - what a verb needs
    from fairway.project.load import load_project  # noqa: PLC0415
    from fairway.project.prices import load_prices  # noqa: PLC0415

    hours = None if arguments.hours is None else _hours(arguments.hours)
    project = load_project(Path.cwd(), arguments.env, is_needed=True)
    table = load_prices(project.prices_path)
    if hours is not None:
        table = replace(table, hours=hours)
    cost = project_cost(project, table)
    environment = project.environment
    local = ", as if on AWS" if environment.is_local else ""
    out.text(
        out.paint(f"{project.name} in {environment.cluster} ({environment.name}, {environment.region}{local})", "bold")
    )
    out.text()
    for line in cost_lines(cost):
        out.text(line)
    for kind, members in cost_documents(cost):
        out.event(kind, **members)
    return 0


def _hours(text: str) -> Decimal:
    try:
        hours = Decimal(text)
    except InvalidOperation:
        hours = Decimal("NaN")
    if not hours.is_finite() or hours <= 0:
        raise UsageError(f"--hours {text}: no number above 0", hint="such as --hours 730")
    return hours
