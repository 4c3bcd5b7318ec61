"""Processes of this machine: trees of them, what they use, and how one becomes a container's."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, NoReturn

PDEATHSIG, SUBREAPER, NO_NEW_PRIVS = 1, 36, 38
_PAGE, _TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
_HANDLED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ)
_HAS_CHILDREN_FILES = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
_libc = ctypes.CDLL(None, use_errno=True)


class StartFailed(Exception):
    """A program cannot be started; the text says why, as Docker does."""


def prctl(option: int, value: int) -> None:
    """Set a property of this process."""
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def stat_fields(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third (state) on; None: no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot: with its id and the boot's it names the process for ever."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields else 0


def descendants(root: int) -> list[int]:
    """Every process below `root`; orphans are children of a subreaper."""
    found, parents = [], [root]
    while parents:
        below = _children(parents.pop())
        found += below
        parents += below
    return found


def _children(pid: int) -> list[int]:
    if not _HAS_CHILDREN_FILES:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return [n for n in numbers if (fields := stat_fields(n)) is not None and int(fields[1]) == pid]
    found: list[int] = []
    with contextlib.suppress(OSError):  # it may end meanwhile
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    return found


def kill(pids: Iterable[int]) -> None:
    """SIGKILL."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def in_session(pid: int, session: int) -> bool:
    try:
        return os.getsid(pid) == session
    except OSError:
        return False


# -- what they use -----------------------------------------------------------------------------------------------------


def resident_bytes(pids: Iterable[int]) -> int:
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/statm", encoding="ascii") as file:
            total += int(file.read().split()[1]) * _PAGE
    return total


def proportional_bytes(pids: Iterable[int]) -> int:
    """As `resident_bytes`, but a page that forked processes share counts once; dearer to find out."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
        except OSError:
            total += resident_bytes([pid])
    return total


def cpu_seconds(pids: Iterable[int]) -> float:
    """Of living processes, and of all children that this process has waited for."""
    ended = os.times()
    total = ended.children_user + ended.children_system
    for pid in pids:
        fields = stat_fields(pid)
        if fields is not None:
            total += sum(map(int, fields[11:15])) / _TICKS
    return total


def read_number(path: str, key: str | None = None) -> int:
    """A number from a control group's file, or the one behind `key`; 0 when it is not there."""
    try:
        with open(path, encoding="ascii") as file:
            if key is None:
                return int(file.read())
            return next((int(line.split()[1]) for line in file if line.startswith(key + " ")), 0)
    except (OSError, ValueError):
        return 0


# -- starting ----------------------------------------------------------------------------------------------------------


def spawn(spec: dict[str, Any], argv: Sequence[str], outputs: Sequence[int]) -> int:
    """Run a program as the container's user, in a session of its own; its process id.

    Raises:
        StartFailed: it cannot be run.
    """
    reader, writer = os.pipe()
    shim = os.getpid()
    pid = os.fork()
    if pid == 0:
        stage = ["start"]  # what it is at, for the message
        try:
            _become(spec, argv, outputs, shim, stage)
        except OSError as error:
            os.write(writer, json.dumps([stage[0], error.errno or errno.EPERM]).encode())
        except BaseException as error:  # noqa: BLE001 - a forked child may do nothing but end
            os.write(writer, json.dumps([f"{stage[0]}: {error!r}", errno.EINVAL]).encode())
        finally:
            os._exit(127)
    os.close(writer)
    with open(reader, "rb") as file:
        failure = file.read()
    if failure:
        os.waitpid(pid, 0)
        stage, number = json.loads(failure)
        raise StartFailed(_explain(stage, number, argv[0], spec["cwd"]))
    return pid


def _become(spec: dict[str, Any], argv: Sequence[str], outputs: Sequence[int], shim: int, stage: list[str]) -> NoReturn:
    """In the forked child: put off all that is the shim's, then be the program."""
    signal.set_wakeup_fd(-1)
    for handled in _HANDLED:
        signal.signal(handled, signal.SIG_DFL)
    os.setsid()
    stage[0] = "control group"
    for path in spec["cgroup_procs"]:
        with open(path, "w", encoding="ascii") as file:
            file.write("0")
    for number, descriptor in enumerate((os.open("/dev/null", os.O_RDONLY), *outputs)):
        os.dup2(descriptor, number)
    os.umask(0o002)
    stage[0] = "user"
    if spec["uid"] is not None:
        os.setgroups([])
        os.setresgid(spec["gid"], spec["gid"], spec["gid"])
        os.setresuid(spec["uid"], spec["uid"], spec["uid"])
    prctl(PDEATHSIG, signal.SIGKILL)  # after setresuid, which clears it
    if os.getppid() != shim:
        os._exit(127)
    prctl(NO_NEW_PRIVS, 1)
    stage[0] = "working directory"
    os.chdir(spec["cwd"])
    stage[0] = "exec"
    _execute(argv, spec["environment"])


def _execute(argv: Sequence[str], environment: dict[str, str]) -> NoReturn:
    """As `os.execvpe`, which would import modules that the container's user may not be able to read."""
    folders = environment.get("PATH", os.defpath).split(":") if "/" not in argv[0] else [""]
    failure: OSError = FileNotFoundError(errno.ENOENT, argv[0])
    for folder in folders:
        try:
            os.execve(os.path.join(folder, argv[0]), list(argv), environment)  # noqa: S606 - it is what a shim is for
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            failure = error  # as execvp(3): go on, but remember that something was there
    raise failure


def _explain(stage: str, number: int, program: str, cwd: str) -> str:
    """Why a program could not be started, in Docker's words."""
    text = os.strerror(number).lower()
    if stage == "working directory":
        return f'chdir to cwd ("{cwd}") failed: {text}'
    if stage != "exec":
        return f"{stage}: {text}"
    if number == errno.ENOENT and "/" not in program:
        return f'exec: "{program}": executable file not found in $PATH'
    return f'exec: "{program}": {text}'
