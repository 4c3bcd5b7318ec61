"""`fairway engine`: the local engine's own life."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairway.cli.engine_health import STORES
from fairway.clock import sleep
from fairway.errors import FairwayError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from fairway.cli.output import Output

EXAMPLES = """\
  fairway engine start                                  in the background, on 127.0.0.1:4566
  fairway engine start --runtime simulated --speed 60   no processes, an hour in a minute
  fairway engine start --port 4567 --data /tmp/second   a second one beside it
  fairway engine restart                                tasks live on and are adopted
  fairway engine reset                                  empty it, as between two tests
  fairway engine logs -f
"""
DEFAULT_PORT: Final = 4566
_LINES: Final = 40
_POLL_SECONDS: Final = 0.2
_AHEAD_SECONDS: Final = 1.0


class NoEngine(FairwayError):
    """No engine runs where one was looked for."""

    code = "no-engine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = ("start", "stop", "restart", "status", "reset", "logs")
    parser.add_argument("action", choices=actions, help="what to do")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="data directory (default: $FAIRWAY_DATA, else your data folder)"
    )
    parser.add_argument("--runtime", choices=("process", "simulated"), help="how tasks run (default: process)")
    parser.add_argument("--speed", type=float, metavar="N", help="engine seconds per real second (default: 1)")
    parser.add_argument(
        "--foreground", action="store_true", help="start: stay here until Ctrl-C, which stops everything"
    )
    parser.add_argument("--allow-root-tasks", action="store_true", help="start: tasks may run as user 0")
    parser.add_argument("-f", "--follow", action="store_true", help="logs: go on as lines come")


def run(arguments: argparse.Namespace, out: Output) -> int:
    if arguments.speed is not None and not 0 < arguments.speed <= 1000:  # noqa: PLR2004 - what a clock can do
        raise UsageError(f"--speed {arguments.speed} is out of range", hint="between 0 (not included) and 1000")
    actions: dict[str, Callable[[argparse.Namespace, Output], int]] = {
        "start": _start,
        "stop": _stop,
        "restart": _restart,
        "status": _status,
        "reset": _reset,
        "logs": _logs,
    }
    return actions[arguments.action](arguments, out)


def chosen_port() -> int:
    """The port that the command line or the environment names."""
    text = os.environ.get("FAIRWAY_PORT", str(DEFAULT_PORT))
    if not text.isdecimal() or not 0 < int(text) < 65536:  # noqa: PLR2004 - TCP
        raise UsageError(f"{text!r} is no port", hint="--port N, or FAIRWAY_PORT=N")
    return int(text)


def new_data(data: Path | None) -> Path:
    """The data directory of an engine that is to be started: as said, else the default."""
    from fairway.engine.directory import default_directory  # noqa: PLC0415 - not for --help

    return (data or default_directory()).absolute()


def chosen_data(data: Path | None) -> Path:
    """The data directory of the engine that is meant: as said, else that of the engine on the port that was named, else the default.

    Raises:
        NoEngine: a port was named, and no engine answers there, or another than the one over the directory that was named.
    """
    from fairway.engine.directory import DATA_VARIABLE, DataDirectory  # noqa: PLC0415 - not for --help
    from fairway.engine.launch import ask  # noqa: PLC0415

    named = data is not None or bool(os.environ.get(DATA_VARIABLE))
    directory = new_data(data)
    if "FAIRWAY_PORT" not in os.environ:
        return directory
    port = chosen_port()
    if named:
        holder = DataDirectory(directory).holder()
        if holder is not None and holder.port != port:
            raise NoEngine(
                f"the engine over {directory} is on port {holder.port}, not on {port}",
                hint=f"leave --port (or FAIRWAY_PORT) out, or name that one: --port {holder.port}",
            )
        return directory
    health = ask(port)
    if health is None:
        raise NoEngine(f"no engine answers on port {port}", hint="name its data directory if it has ended: --data DIR")
    return Path(health["data"])


def _start(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.engine import launch  # noqa: PLC0415

    wanted = launch.Launch(
        data=new_data(arguments.data),
        port=chosen_port(),
        runtime=arguments.runtime or "process",
        speed=arguments.speed or 1.0,
        allow_root_tasks=arguments.allow_root_tasks,
    )
    if arguments.foreground:
        return _foreground(wanted, out)
    health = _running(wanted, arguments)
    if health is not None:
        out.note("the engine runs already")
        return _ready(health, out)
    return _ready(launch.start(wanted, tell=out.note), out)


def _running(wanted: Any, arguments: argparse.Namespace) -> dict[str, Any] | None:
    """The health of the very engine that is to be started, when it runs already.

    Raises:
        UsageError: it runs, and otherwise than it is asked for.
    """
    from fairway.engine import launch  # noqa: PLC0415
    from fairway.engine.directory import DataDirectory  # noqa: PLC0415

    holder = DataDirectory(wanted.data).holder()
    health = launch.ask(wanted.port) if holder is not None and holder.port == wanted.port else None
    if health is None or health["data"] != str(wanted.data):
        return None
    for name in ("runtime", "speed", "allow_root_tasks"):
        asked = getattr(arguments, name)
        if asked and asked != health[name]:
            raise UsageError(
                f"the engine on port {wanted.port} runs already, with {name} {health[name]}",
                hint="fairway engine restart takes --runtime, --speed and --allow-root-tasks, and keeps its tasks",
            )
    return health


def _foreground(wanted: Any, out: Output) -> int:
    from fairway.engine.app import Settings  # noqa: PLC0415
    from fairway.engine.launch import listens, who_listens  # noqa: PLC0415
    from fairway.engine.serve import run as serve  # noqa: PLC0415

    if listens(wanted.port):
        raise UsageError(
            f"port {wanted.port} is taken by {who_listens(wanted.port)}",
            hint=f"choose another: --port {wanted.port + 1}",
        )
    out.note(f"the engine listens on 127.0.0.1:{wanted.port}; Ctrl-C stops it and its tasks")
    serve(Settings(wanted.port, wanted.runtime, wanted.speed, wanted.allow_root_tasks), wanted.data)
    return 0


def _stop(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.engine import launch  # noqa: PLC0415

    data = chosen_data(arguments.data)
    tell_deploying(data, out)
    stopped = launch.stop(data, tell=out.note)
    out.document({"stopped": stopped, "data": str(data)})
    out.text("the engine has stopped; its data is kept" if stopped else "no engine runs")
    return 0


def tell_deploying(data: Path, out: Output, *, purge: bool = False) -> None:
    """Name the services of an engine that are being deployed: whoever follows that is left without an answer."""
    from fairway.engine import launch  # noqa: PLC0415
    from fairway.engine.directory import DataDirectory  # noqa: PLC0415

    holder = DataDirectory(data).holder()
    health = launch.ask(holder.port) if holder is not None else None
    what = "that ends with the data" if purge else "that goes on when the engine is started again"
    for arn in (health or {}).get("deploying", ()):
        cluster, service = arn.split("/")[-2:]
        out.note(f"{service} of {cluster} is being deployed: {what}")


def _restart(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.engine import launch  # noqa: PLC0415
    from fairway.engine.directory import DataDirectory  # noqa: PLC0415

    data = chosen_data(arguments.data)
    holder = DataDirectory(data).holder()
    health = launch.ask(holder.port) if holder is not None else None
    if holder is None or health is None:
        raise NoEngine(f"no engine runs over {data}", hint="fairway engine start")
    launch.stop(data, leave_running=True, tell=out.note)
    wanted = launch.Launch(
        data=data.absolute(),
        port=holder.port,
        runtime=arguments.runtime or health["runtime"],
        speed=arguments.speed or health["speed"],
        allow_root_tasks=arguments.allow_root_tasks or bool(health.get("allow_root_tasks")),
    )
    return _ready(launch.start(wanted, tell=out.note), out)


def _ready(health: dict[str, Any], out: Output) -> int:
    out.document(health)
    out.text(f"the engine answers on http://127.0.0.1:{health['port']}")
    port = "" if health["port"] == DEFAULT_PORT else f" --port {health['port']}"
    ahead = ahead_text(health)
    if ahead:
        out.text(f"  {ahead}")
    out.text(f'  eval "$(fairway env{port})"   for the AWS CLI and SDKs')
    return 0


def ahead_text(health: Mapping[str, Any]) -> str:
    """Says when engine time is ahead of the system's, as it stays after a time at a higher speed; empty: it is not."""
    seconds = float(health.get("ahead_seconds", 0.0))
    if seconds < _AHEAD_SECONDS:
        return ""
    whole = int(seconds)
    parts = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    shown = " ".join(f"{count} {unit}" for count, unit in parts if count)
    why = "it runs faster" if health["speed"] > 1 else "it ran faster before, and never goes back"
    return f"engine time is {shown} ahead of the system's: {why}"


def _status(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.engine.directory import DataDirectory  # noqa: PLC0415
    from fairway.engine.launch import ask  # noqa: PLC0415

    data = chosen_data(arguments.data)
    holder = DataDirectory(data).holder()
    health = ask(holder.port) if holder is not None else None
    if health is None:
        out.document({"running": False, "data": str(data)})
        out.text(f"no engine runs over {data}")
        return NoEngine.exit_code
    out.document({"running": True, **health})
    out.text(f"running on http://127.0.0.1:{health['port']} (process {health['pid']}), Fairway {health['version']}")
    out.text(f"  runtime {health['runtime']}, speed {health['speed']:g}, up for {health['uptime_seconds']:.0f} s")
    ahead = ahead_text(health)
    if ahead:
        out.text(f"  {ahead}")
    out.text(f"  load balancer: {health['load_balancer']}")
    for key, title in STORES.items():
        if health.get(key):
            out.text(f"  {title}: {health[key]}")
    out.text(f"  data: {health['data']}")
    return 0


def _reset(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.engine.directory import DataDirectory  # noqa: PLC0415
    from fairway.engine.launch import ask  # noqa: PLC0415

    data = chosen_data(arguments.data)
    holder = DataDirectory(data).holder()
    if holder is None:
        raise NoEngine(f"no engine runs over {data}", hint="fairway engine start")
    port = holder.port
    if ask(port, "POST", "/_fairway/reset") is None:
        raise NoEngine(f"no engine answers on port {port}", hint="fairway engine start")
    out.document({"reset": True})
    out.text("the engine is empty")
    return 0


def _logs(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.engine.directory import DataDirectory  # noqa: PLC0415

    path = DataDirectory(chosen_data(arguments.data)).engine_log
    if not path.exists():
        raise NoEngine(f"{path} does not exist: no engine was ever started there", hint="fairway engine start")
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines.readlines()[-_LINES:]:
            _line(line, out)
        while arguments.follow:
            line = lines.readline()
            if line:
                _line(line, out)
            else:
                sleep(_POLL_SECONDS)
    return 0


def _line(line: str, out: Output) -> None:
    out.text(line.rstrip("\n"))
    out.event("log", line=line.rstrip("\n"))
