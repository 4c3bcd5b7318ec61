"""`fairway down`: stop everything on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fairway.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from fairway.cli.output import Output

EXAMPLES = """\
  fairway down                 stop the engine, its tasks, the load balancer, Valkey and MariaDB; keep the data
  fairway down --purge         and delete the data: services, logs, images, the database
  fairway down --purge --yes   without asking
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="data directory (default: $FAIRWAY_DATA, else your data folder)"
    )
    parser.add_argument("--purge", action="store_true", help="delete the data directory as well")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.cli.engine import chosen_data, tell_deploying  # noqa: PLC0415 - not for --help
    from fairway.engine.directory import DataDirectory  # noqa: PLC0415
    from fairway.engine.launch import stop  # noqa: PLC0415

    data = chosen_data(arguments.data).absolute()
    directory = DataDirectory(data)
    tell_deploying(data, out, purge=arguments.purge)
    if arguments.purge and data.exists():
        directory.prepare()  # refuses what is not ours
        if not arguments.yes:
            _confirm(data)
    stopped = stop(data, tell=out.note) if data.exists() else False
    purged = bool(arguments.purge and data.exists())
    gone = purged and delete_data(data)
    out.document({"stopped": stopped, "purged": purged, "data": str(data)})
    if purged:
        what = f"{data} is deleted" if gone else f"{data} is empty; the folder itself stays (a mount point?)"
        out.text(f"stopped, and {what}" if stopped else what)
    else:
        out.text("stopped; the data is kept (--purge deletes it)" if stopped else "nothing runs")
    return 0


def delete_data(data: Path) -> bool:
    """Delete the data directory of an engine that has ended, with what lies elsewhere because of it; False: the folder itself stays."""
    from fairway.engine.directory import DataDirectory  # noqa: PLC0415 - not for --help
    from fairway.engine.runtime.places import purge  # noqa: PLC0415

    directory = DataDirectory(data)
    for folder in (directory.runtime / "scratch", directory.images, directory.stores):
        purge(folder)
    return directory.delete()


def _confirm(data: Path) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"--purge deletes {data}", hint="add --yes to do it without being asked")
    if input(f"delete {data} with all services, logs, images and the database? [y/N] ").strip().lower() not in {
        "y",
        "yes",
    }:
        raise UsageError("nothing was deleted")
