"""The event loop around one container: its output, its limits, its health commands, its end."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import signal
import time

from .control import Control, Poller
from .processes import (
    StartFailed,
    cpu_seconds,
    descendants,
    in_session,
    kill,
    proportional_bytes,
    read_number,
    resident_bytes,
    spawn,
    start_time,
)
from .records import Log

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
_CHUNK = 64 * 1024
_OUTPUT_BYTES = 4 * 4096
_OUTPUT_CHARACTERS = 4096
_USAGE_SECONDS = 5.0
_GRACE_SECONDS = 30.0
_PATIENCE_SECONDS = 10.0
"""How long a full disk, or a process that cannot be killed, may hold up the end of a container."""


class Check:
    """A command that runs beside the container's own process."""

    def __init__(self, number: int, pid: int, output: int, timeout: float) -> None:
        self.number, self.pid, self.output = number, pid, output
        self.began = time.monotonic()
        self.deadline = self.began + timeout
        self.data = b""

    def read(self) -> bool:
        """Take what it wrote, of which only the beginning is kept; False: there will be no more."""
        data = os.read(self.output, _CHUNK)
        self.data = (self.data + data)[:_OUTPUT_BYTES]
        return bool(data)

    def read_rest(self) -> str:
        """All that it wrote, without waiting for others who may still hold the pipe."""
        while len(self.data) < _OUTPUT_BYTES and select.select([self.output], [], [], 0)[0] and self.read():
            pass
        os.close(self.output)
        return self.data.decode("utf-8", "replace")[:_OUTPUT_CHARACTERS]


class Container:
    """One container, from its start to its end."""

    def __init__(self, spec: dict[str, Any], control: socket.socket) -> None:
        self._spec = spec
        self._log = Log(spec["log"])
        self._poller = Poller()
        self._control = Control(self._poller, self._obey)
        self._control.connect(control)
        self._pid = 0
        self._pipes: dict[int, bool] = {}
        """The readable end of its stdout and stderr, and whether something may still come."""
        self._checks: dict[int, Check] = {}
        self._status: int | None = None
        self._kill_at: float | None = None
        self._out_of_memory = False
        self._usage_at = self._measure_at = time.monotonic() + 1.0
        self._told = (0.0, 0)
        self._take_signals()

    def run(self) -> None:
        """Start it, look after it until it ends, and say how it ended."""
        try:
            self._start()
        except StartFailed as failure:
            _note("exit.json", {"failed": str(failure), "at": time.time()}, durable=True)
            self._control.tell({"event": "failed", "text": str(failure)})
            return
        while self._status is None:
            self._poller.wait(self._next_deadline() - time.monotonic())
            self._reap()
            self._keep_time()
        self._finish()

    def _take_signals(self) -> None:
        waker, wake = os.pipe()
        os.set_blocking(waker, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # the wake-up is all that is needed
        signal.signal(signal.SIGTERM, lambda *_: self._stop(_GRACE_SECONDS))
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self._poller.watch(waker, lambda: os.read(waker, _CHUNK))

    def _start(self) -> None:
        writers = []
        for _ in range(2):
            reader, writer = os.pipe()
            os.set_blocking(reader, False)
            self._pipes[reader] = True
            writers.append(writer)
        try:
            self._pid = spawn(self._spec, self._spec["argv"], writers)
        finally:
            for writer in writers:
                os.close(writer)
        self._watch_pipes()
        began = {"event": "started", "pid": self._pid, "start_time": start_time(self._pid), "at": time.time()}
        _note("started.json", began | {"boot": self._spec["boot"]}, durable=False)
        self._control.greeting = began
        self._control.tell(began)

    # -- output --------------------------------------------------------------------------------------------------------

    def _watch_pipes(self) -> None:
        for reader, is_open in self._pipes.items():
            if is_open and not self._poller.watches(reader):
                self._poller.watch(reader, functools.partial(self._read, reader))

    def _read(self, reader: int) -> bool:
        """Take what the container wrote, but leave it in the pipe while the disk is full; False: nothing more now."""
        if self._log.pending and not self._log.flush():
            self._poller.unwatch(reader)
            return False
        try:
            data = os.read(reader, _CHUNK)
        except BlockingIOError:
            return False
        if data:
            self._log.feed(reader, data)
            return True
        self._poller.unwatch(reader)
        self._pipes[reader] = False
        return False

    # -- orders --------------------------------------------------------------------------------------------------------

    def _obey(self, order: dict[str, Any]) -> None:
        if order["op"] == "stop":
            self._stop(order["grace"])
        elif order["op"] == "exec":
            self._check(order)

    def _stop(self, grace: float) -> None:
        deadline = time.monotonic() + grace
        if self._kill_at is None:
            self._kill_at = deadline
            if self._pid and self._status is None:
                os.kill(self._pid, self._spec["stop_signal"])  # not reaped yet: the id is still its own
        self._kill_at = min(self._kill_at, deadline)

    def _check(self, order: dict[str, Any]) -> None:
        reader, writer = os.pipe()
        try:
            pid = spawn(self._spec, order["argv"], [writer, writer])
        except StartFailed as failure:
            os.close(reader)
            text = str(failure)
            self._control.tell({"event": "checked", "id": order["id"], "code": 127, "output": text, "seconds": 0.0})
            return
        finally:
            os.close(writer)
        check = self._checks[pid] = Check(order["id"], pid, reader, order["timeout"])
        self._poller.watch(reader, functools.partial(self._hear, check))

    def _hear(self, check: Check) -> None:
        if not check.read():
            self._poller.unwatch(check.output)

    def _checked(self, check: Check, code: int | None) -> None:
        """A command ended, or has to (`code` None): then it and all that it started are killed."""
        del self._checks[check.pid]
        if code is None:
            tree = [check.pid, *descendants(check.pid)]
            kill(tree + [pid for pid in descendants(os.getpid()) if in_session(pid, check.pid)])
        self._poller.unwatch(check.output)
        output, seconds = check.read_rest(), time.monotonic() - check.began
        self._control.tell(
            {"event": "checked", "id": check.number, "code": code, "output": output, "seconds": round(seconds, 4)}
        )

    # -- time ----------------------------------------------------------------------------------------------------------

    def _next_deadline(self) -> float:
        moments = [self._measure_at, *(check.deadline for check in self._checks.values())]
        if self._kill_at is not None:
            moments.append(self._kill_at)
        if self._log.pending:
            moments.append(time.monotonic() + 0.5)
        return min(moments)

    def _keep_time(self) -> None:
        now = time.monotonic()
        if self._kill_at is not None and now >= self._kill_at and self._status is None:
            kill([self._pid, *descendants(os.getpid())])
            self._kill_at = now + 0.1  # for what is forked meanwhile
        for check in list(self._checks.values()):
            if now >= check.deadline:
                self._checked(check, None)
        if self._log.pending and self._log.flush():
            self._watch_pipes()
        if now >= self._measure_at:
            self._measure(now)

    def _measure(self, now: float) -> None:
        group, limit = self._spec["cgroup"], self._spec["memory_limit"]
        is_guard = limit is not None and group is None
        self._measure_at = now + (1.0 if is_guard else _USAGE_SECONDS)
        tree = descendants(os.getpid())
        if group is None:
            memory = resident_bytes(tree)
            if is_guard and memory > limit and proportional_bytes(tree) > limit:
                self._out_of_memory = True
                kill([self._pid, *tree])
                return
        else:
            memory = max(0, read_number(group["usage"]) - read_number(group["stat"], group["cache"]))
        if now >= self._usage_at:
            self._usage_at = now + _USAGE_SECONDS
            used = (round(cpu_seconds(tree), 2), memory)
            if used != self._told:
                self._told = used
                self._control.tell({"event": "usage", "cpu": used[0], "memory": used[1]})

    # -- the end -------------------------------------------------------------------------------------------------------

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._pid:
                self._status = status
            elif pid in self._checks:
                self._checked(self._checks[pid], os.waitstatus_to_exitcode(status))

    def _finish(self) -> None:
        """All that belongs to it ends, all that it wrote is kept, then its exit code is noted, and told."""
        self._checks.clear()  # their ends would say nothing about its health any more
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (alive := descendants(os.getpid())) and time.monotonic() < deadline:
            kill(alive)
            self._reap()
            time.sleep(0.002)
        for reader in self._pipes:
            while self._pipes[reader] and (self._read(reader) or (self._log.pending and time.monotonic() < deadline)):
                if self._log.pending:
                    time.sleep(0.2)
        is_whole = self._log.close(_PATIENCE_SECONDS)
        assert self._status is not None
        code = os.waitstatus_to_exitcode(self._status)
        group = self._spec["cgroup"]
        is_killed = code == -signal.SIGKILL and self._kill_at is None
        by_kernel = is_killed and group is not None and read_number(group["events"], "oom_kill") > 0
        ended = {
            "code": code if code >= 0 else 128 - code,
            "reason": OUT_OF_MEMORY if self._out_of_memory or by_kernel else None,
            "at": time.time(),
            "log_is_whole": is_whole,
        }
        _note("exit.json", ended, durable=True)
        self._control.tell({"event": "exited"} | ended)


def _note(name: str, document: dict[str, Any], *, durable: bool) -> None:
    """Write a file whole or not at all; `durable`: it outlives a power cut. A full disk is waited for, not for ever."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            _write(name, document, durable=durable)
        except OSError:
            if time.monotonic() > deadline:
                return  # whoever is connected is told all the same
            time.sleep(0.2)
        else:
            return


def _write(name: str, document: dict[str, Any], *, durable: bool) -> None:
    with open(name + ".new", "w", encoding="utf-8") as file:
        json.dump(document, file)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    os.replace(name + ".new", name)
    if durable:
        folder = os.open(".", os.O_RDONLY)
        with contextlib.suppress(OSError):
            os.fsync(folder)
        os.close(folder)
