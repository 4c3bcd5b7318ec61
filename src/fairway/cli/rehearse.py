"""`fairway rehearse`: a release, played on a private engine of this machine before it is done: GO or NO-GO."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from fairway.cli.choices import check_tag
from fairway.errors import FairwayError, UsageError

if TYPE_CHECKING:
    import argparse
    from types import TracebackType

    from fairway.cli.output import Output
    from fairway.project.model import Environment, Project

EXAMPLES: Final = """  fairway rehearse --env production --tag v2                  both stages, every act
  fairway rehearse --env production --tag v2 --quick          what takes long is left out: about three minutes
  fairway rehearse --env production --tag v2 --stage scale    production's counts, on models of tasks
  fairway rehearse --env production --tag v2 --act release --act api:crash_at_start

A private engine, with a port and a folder of its own, plays the release with the environment's own definitions, counts and
strategy: it speaks to no AWS (but with --read-aws, which reads what lives there), uses no credentials, and is deleted at the end.
Exit code 0 is GO, 4 is NO-GO. The report is in .fairway/reports.
"""
_PREFIX: Final = "fairway-rehearsal-"
_OPEN_FOLDER: Final = 0o755
_MOST_TASKS: Final = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tag", required=True, metavar="T", help="the release")
    parser.add_argument("--from-tag", metavar="T", help="what lives now (default: the same tag)")
    parser.add_argument(
        "--read-aws", action="store_true", help="ask the environment's account for what lives now; only reads"
    )
    parser.add_argument(
        "--stage", choices=("scale", "truth", "all"), default="all", help="models, processes, or both (default: all)"
    )
    parser.add_argument("--tasks", type=int, default=1, metavar="N", help="processes of each service (default: 1)")
    parser.add_argument("--rate", type=float, default=200.0, metavar="N", help="requests per second (default: 200)")
    parser.add_argument("--speed", type=float, metavar="N", help="engine seconds per real second (default: 60, and 20)")
    parser.add_argument("--quick", action="store_true", help="leave out the acts that take long")
    parser.add_argument("--act", action="append", default=[], metavar="ACT", help="only this act, after the baseline")


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.cli.interrupted import say_interrupted, terminable  # noqa: PLC0415 - what a verb needs
    from fairway.cli.rehearsal import Rehearsing  # noqa: PLC0415

    if not 1 <= arguments.tasks <= _MOST_TASKS:
        raise UsageError(f"--tasks {arguments.tasks}: from 1 to {_MOST_TASKS}", hint="--stage scale has any count")
    if not 0 <= arguments.rate < float("inf"):
        raise UsageError("--rate must be 0 or more", hint="fairway rehearse --help")
    if arguments.speed is not None and not 1 <= arguments.speed <= 1000:  # noqa: PLR2004 - what an engine takes
        raise UsageError(f"--speed {arguments.speed:g}: from 1 to 1000", hint="leave it out")
    for tag in (arguments.tag, arguments.from_tag or arguments.tag):
        check_tag(tag)
    if arguments.env is None:
        raise UsageError("rehearse for which environment?", hint="fairway rehearse --env production --tag T")
    with terminable():
        try:
            rehearsing = Rehearsing(arguments, out, _PrivateEngine)
            _end_orphans()
            return rehearsing.run()
        except KeyboardInterrupt as error:
            return say_interrupted(out, error, [], ["the private engine has ended, and its folder is deleted"])


# -- the private engine --------------------------------------------------------------------------------------------------


class _PrivateEngine:
    """An engine with a port and a folder of its own; both are gone afterwards, whatever happens within."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self._folder.chmod(_OPEN_FOLDER)  # tasks may run as other users
        self.data = self._folder / "data"
        self.project = self._folder / "project"
        self.project.mkdir()
        self.port = _free_port()
        self.left_behind: list[str] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self, project: Project) -> Environment:
        """The private engine as the local environment, with the project's cluster and region."""
        from fairway.project.model import LOCAL  # noqa: PLC0415 - only what a verb needs is imported

        return replace(project.environment, name=LOCAL, account=None, endpoint_url=self.endpoint, url=None)

    def variables(self) -> dict[str, str]:
        """Of the commands: this engine, and nothing of AWS."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "FAIRWAY_")) and name not in {"GITHUB_ACTIONS", "CI"}
        }
        return kept | {"FAIRWAY_PORT": str(self.port), "FAIRWAY_DATA": str(self.data), "NO_COLOR": "1"}

    def start(self, runtime: str, speed: float) -> None:
        from fairway.engine.launch import Launch, start  # noqa: PLC0415 - only what a verb needs is imported

        start(Launch(self.data, self.port, runtime=runtime, speed=speed))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _undisturbed():
            _end_engine(self._folder)
        self.left_behind = _left_on_machine(self._folder, self.port)


@contextlib.contextmanager
def _undisturbed() -> Any:
    """Within, Ctrl-C and SIGTERM wait for nobody: what was begun is ended first."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _end_engine(folder: Path) -> None:
    """End the engine of a rehearsal's folder, with its tasks and stores, and delete the folder."""
    from fairway.cli.down import delete_data  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.engine.launch import stop  # noqa: PLC0415

    data = folder / "data"
    with contextlib.suppress(FairwayError):
        # what does not end is found afterwards, and told
        if data.exists():
            stop(data)
            delete_data(data)
    shutil.rmtree(folder, ignore_errors=True)


def _end_orphans() -> None:
    """End what a rehearsal that was killed has left: its folder names its process."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if pid.isdigit() and folder.stat().st_uid == os.getuid() and not Path(f"/proc/{pid}").exists():
                _end_engine(folder)


def _left_on_machine(folder: Path, port: int) -> list[str]:
    from fairway.engine.launch import listens  # noqa: PLC0415 - only what a verb needs is imported

    found = [f"the folder {folder}"] if folder.exists() else []
    found += [f"something listens on port {port}"] if listens(port) else []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in (entry / "cmdline").read_bytes():
                found.append(f"the process {entry.name}")
    return found


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
