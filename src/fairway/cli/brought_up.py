"""What `up` shows when all is up: where it answers, who may sign in, what to try; then requests, counted."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
from collections import Counter
from typing import TYPE_CHECKING, Final

from fairway.aws.calls import calling
from fairway.cli.after_up import do_after_up, shown, tell_after_up
from fairway.cli.command import command
from fairway.clock import monotonic
from fairway.errors import FairwayError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fairway.aws.session import Aws
    from fairway.cli.output import Output
    from fairway.project.model import Project

_SAMPLE_SECONDS: Final = 5.0


def show(
    project: Project,
    aws: Aws,
    address: str,
    data: Path,
    arguments: argparse.Namespace,
    out: Output,
    *,
    since: float,
) -> int:
    """Do what the project asks for once, say all, and count requests unless nobody waits; the exit code."""
    balanced = next(spec for spec in project.services.values() if (spec.service or {}).get("loadBalancers"))
    cluster = project.environment.cluster
    with calling(f"looking for the tasks of {balanced.service_name}"):
        arns = aws.ecs.list_tasks(cluster=cluster, serviceName=balanced.service_name)["taskArns"]
        tasks = aws.ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    zones = Counter(task["availabilityZone"] for task in tasks)
    spread = ", ".join(f"{count} in {zone}" for zone, count in sorted(zones.items()))
    version = _get(f"{address}/version")
    once, environment = project.after_up, arguments.env
    problem = do_after_up(once, project.name, data, address, os.environ) if once is not None else None
    told = shown(once, project.name, data) if once is not None and problem is None else {}
    seconds = monotonic() - since
    out.text()
    out.text(out.paint(f"{len(tasks)} healthy tasks of {balanced.service_name}: {spread}   ({seconds:.0f} s)", "green"))
    out.text(f"  {address}")
    out.text(f"  {address}/version → {version}")
    tell_after_up(told, problem, out, environment)
    out.text()
    _hint(balanced.key, [*project.tasks, *project.services], environment, out)
    out.event(
        "up",
        address=address,
        version=version,
        tasks=len(tasks),
        zones=dict(zones),
        seconds=round(seconds, 1),
        after_up=told if problem is None else {"problem": problem},
    )
    if arguments.detach:
        return 0
    out.text()
    return _count(address, arguments, out)


def _hint(key: str, whole: Sequence[str], environment: str | None, out: Output) -> None:
    out.text("try, in another terminal:")
    broken = f"deploy {key} --tag v3 --set {key}:TASKMANAGER_FAULTS=crash_at_start"
    hints = [
        (f"deploy {key} --tag v2", "a good deployment"),
        (broken, "a broken one"),
        ("deploy --tag v4", f"a whole release: {', '.join(whole)}"),
        ("down", "stop everything"),
    ]
    lines = [(command(words, environment), what) for words, what in hints]
    width = max(len(line) for line, _ in lines)
    for line, what in lines:
        out.text(f"  {line:<{width}}    {what}")


def _count(address: str, arguments: argparse.Namespace, out: Output) -> int:
    """Requests, counted: until Ctrl-C on a terminal, for a few seconds elsewhere."""
    from fairway.cli.load import run as load  # noqa: PLC0415 - only what a verb needs is imported

    endless = out.is_terminal
    wanted = argparse.Namespace(
        url=f"{address}/version",
        rate=arguments.rate,
        seconds=None if endless else _SAMPLE_SECONDS,
        connections=20,
        new_connections=False,
        path=None,
        timeout=10.0,
    )
    code = load(wanted, out)
    if endless:
        out.text(f"the counter has ended; everything else stays up ({command('down', arguments.env)} stops it)")
    return code


def _get(url: str) -> str:
    """The body of an answer; what went wrong, when there is none."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        connection.request("GET", f"/{path}")
        response = connection.getresponse()
        body = response.read().decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        raise FairwayError(f"{url} does not answer: {error}", hint=command("status")) from error
    finally:
        with contextlib.suppress(OSError):
            connection.close()
    return body
