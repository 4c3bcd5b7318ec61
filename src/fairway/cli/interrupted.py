"""What is said when a command is interrupted while ECS goes on: Ctrl-C (exit code 130), and SIGTERM alike (143)."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

from fairway.cli.command import command
from fairway.errors import FairwayError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fairway.cli.output import Output
    from fairway.deployment.pipeline import Pipeline

INTERRUPTED: Final = 130
NOTHING: Final = "nothing was changed"
TERMINATED: Final = 128 + signal.SIGTERM


class Terminated(KeyboardInterrupt):
    """SIGTERM came; it ends a command as Ctrl-C does."""


@contextmanager
def terminable() -> Iterator[None]:
    """Within, SIGTERM raises `Terminated`; only the main thread hears signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        # None: whoever set it is not Python
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def _terminate(number: int, frame: object) -> NoReturn:
    del number, frame
    raise Terminated


def exit_code(error: KeyboardInterrupt) -> int:
    """The exit code of an interrupted command."""
    return TERMINATED if isinstance(error, Terminated) else INTERRUPTED


def say_interrupted(out: Output, error: KeyboardInterrupt, services: Sequence[str], lines: Sequence[str]) -> int:
    """Say what was begun; `services` are those whose change goes on. The exit code."""
    code = exit_code(error)
    out.event("interrupted", exit_code=code, services=list(services))
    out.note("\ninterrupted")
    for line in lines:
        out.note(f"  {line}")
    return code


def left_behind(run: Pipeline | None, keys: Sequence[str], environment: str | None) -> tuple[list[str], list[str]]:
    """(keys of the services that go on, lines that say what was begun) of a deployment that is interrupted.

    A request that was on its way may have reached ECS or not: ECS is asked, rather than guessed about.
    """
    if run is None or run.context.begun.is_nothing:
        return [], [NOTHING]
    lines, going = list[str](), list[str]()
    if run.context.begun.one_off is not None:
        lines += _one_off(run)
    for key in keys:
        state, said = _service(run, key, environment)
        lines += said
        if state:
            going.append(key)
    ended = [item.outcome is not None for item in run.result.services.followed.values()]
    if len(ended) == len(keys) and all(ended):
        lines.append(f"→ verify and watch what serves now: {command('watch --pending', environment)}")
    else:
        lines.insert(0, resume_line(run.context.origin.run, environment))
    return going, lines


def resume_line(run: str, environment: str | None) -> str:
    """How to go on with a run; alone this ends with a verdict, and marks what is good."""
    return f"→ go on with the whole of it: {command(f'deploy --resume {run}', environment)}"


def _service(run: Pipeline, key: str, environment: str | None) -> tuple[bool, list[str]]:
    """(it goes on at ECS, the lines about it)."""
    begun, item = run.context.begun, run.result.services.followed.get(key)
    back = f"go back: {command(f'rollback {key}', environment)}"
    if key not in begun.services:
        return False, [f"{key}: is unchanged"]
    is_new = begun.services[key]
    if item is not None and item.outcome is not None:
        # a new service that serves needs no way back, and has none
        return False, [f"{key}: {item.target.label()}: {item.outcome.text}", *([] if is_new else [f"  → {back}"])]
    if item is None:
        arrived = _has_arrived(run, key)
        if arrived is False:
            return False, [f"{key}: is unchanged: the request did not reach ECS"]
        if arrived is None:
            status = command(f"status {key}", environment)
            return True, [f"{key}: whether the request reached ECS cannot be asked now", f"  → look: {status}"]
    what = "it is being created" if is_new else "it is being updated"
    watch = command(f"watch {key}", environment)
    back = "it is new, so there is nothing to go back to: deploy again" if is_new else back
    return True, [f"{key}: {what}, and goes on at ECS", f"  → go on watching: {watch}", f"  → {back}"]


def _has_arrived(run: Pipeline, key: str) -> bool | None:
    """ECS has a service deployment of the revision that was sent; None: it does not answer."""
    from fairway.deployment.resume import find_deployment  # noqa: PLC0415 - only what a verb needs is imported

    definition = run.result.revisions.get(key)
    if definition is None:
        return False
    try:
        observer, name = run.context.observer, run.name_of(key)
        if not observer.services([name]):
            return False
        return find_deployment(observer, name, definition.arn) is not None
    except FairwayError:
        return None


def _one_off(run: Pipeline) -> list[str]:
    begun, cluster = run.context.begun, run.context.observer.cluster
    aws = f"aws ecs describe-tasks --cluster {cluster} --tasks"
    if begun.task is None:
        # the request was on its way; list-tasks shows those that are to run, unless it is asked for the others
        listed = f"aws ecs list-tasks --cluster {cluster} --started-by {run.context.started_by}"
        return [
            f"{begun.one_off}: ECS was asked to run it, and has not answered",
            f"  → look: {listed}",
            f"  → if it has ended already: {listed} --desired-status STOPPED",
        ]
    lines = [f"{begun.one_off}: task {begun.task.id} goes on", f"  → look: {aws} {begun.task.id}"]
    stop = f"aws ecs stop-task --cluster {cluster} --task {begun.task.id}"
    return [*lines, f"  → stop it: {stop}"]
