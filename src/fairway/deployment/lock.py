"""Who may change a service now: one lock for each, kept in the account as SSM parameters.

    /fairway/lock/<cluster>/<name>/<n>      created without Overwrite; the highest n holds

To take a lock over is to create n + 1, which only one of several can do. A lock has an owner and an expiry, which its holder
puts off again and again; when that stops, because the holder was killed, others may take it over. Released locks stay, as
the highest number, so that numbers never begin again; lower ones are deleted.

Source: SSM API Reference, PutParameter (`Overwrite`: "The default value is false", ParameterAlreadyExists).
"""

from __future__ import annotations

import json
import os
import socket
import threading
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from fairway.aws.calls import calling, error_code
from fairway.clock import monotonic, wall_now
from fairway.errors import DeploymentSuperseded
from fairway.ids import RandomIds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from fairway.aws.session import Aws

ROOT: Final = "/fairway/lock"
TASK: Final = "task."
"""What the lock of a one-off task is named by, before its key."""
EXPIRY: Final = timedelta(minutes=2)
"""Of the locks of a few services; those of many are renewed less often, and last longer."""
_LEAST_RENEW_SECONDS: Final = 50.0
_RENEW_SECONDS_EACH: Final = 2.5
_LASTS: Final = 2.4
"""How many times as long a lock lasts as it takes until it is renewed: one renewal may fail."""
_CONCURRENT_TRIES: Final = 5


class Locked(DeploymentSuperseded):
    """Somebody else deploys this service now."""

    code = "locked"


class LockLost(DeploymentSuperseded):
    """Our lock expired, or was taken, and somebody else has it: nothing more is changed by us."""

    code = "lock-lost"


@dataclass(frozen=True, slots=True)
class Holding:
    """What stands in a lock."""

    owner: str
    """ARN of the caller."""
    run: str
    holder: str
    """Of one process: `HOST:PID:RANDOM`. A run that is resumed has the same `run` and another holder."""
    since: datetime
    expires: datetime
    released: bool = False

    def holds(self, now: datetime, *, is_dead: Callable[[str], bool] = lambda _: False) -> bool:
        """It keeps others out: not released, not expired, and its process is not known to be dead."""
        return not self.released and now < self.expires and not is_dead(self.holder)


def this_holder() -> str:
    """The holder that this process is."""
    return f"{socket.gethostname()}:{os.getpid()}:{RandomIds().hexadecimal(8)}"


def is_dead(holder: str) -> bool:
    """The process ran on this machine, and is gone: what was killed need not be waited for."""
    host, _, rest = holder.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@dataclass(frozen=True, slots=True)
class Entry:
    """One numbered lock of a service."""

    number: int
    holding: Holding


def newest(entries: Iterable[Entry]) -> Entry | None:
    """The entry that counts: the highest number. Pure."""
    return max(entries, key=lambda entry: entry.number, default=None)


def write_holding(holding: Holding) -> str:
    document = asdict(holding)
    document |= {"since": holding.since.isoformat(), "expires": holding.expires.isoformat()}
    return json.dumps(document)


def read_entry(name: str, value: str) -> Entry | None:
    """An entry from a parameter; None: it is not one of ours."""
    try:
        document: Mapping[str, Any] = json.loads(value)
        holding = Holding(
            str(document["owner"]),
            str(document["run"]),
            str(document["holder"]),
            datetime.fromisoformat(document["since"]),
            datetime.fromisoformat(document["expires"]),
            bool(document.get("released", False)),
        )
        return Entry(int(name.rsplit("/", 1)[-1]), holding)
    except (ValueError, KeyError, TypeError):
        return None


def names_held(entries: Mapping[str, Iterable[Entry]], run: str, now: datetime) -> list[str]:
    """What a run keeps others out of: names of services, and `task.NAME` of one-off tasks. Pure."""
    found = []
    for name, of in entries.items():
        last = newest(of)
        if last is not None and last.holding.run == run and last.holding.holds(now):
            found.append(name)
    return sorted(found)


def refusal(name: str, holding: Holding, names: Sequence[str], cluster: str, seconds: float) -> Locked:
    """What whoever is kept out by a lock is told: who holds it, with what else, and how to go on. Pure."""
    services = [other for other in names if not other.startswith(TASK)]
    what = (
        f"the one-off task {name.removeprefix(TASK)} is being run"
        if name.startswith(TASK)
        else f"{name} is being deployed"
    )
    of = f", which deploys {', '.join(services)}" if services else ""
    look = " ".join(["fairway status", *(f"{cluster}/{service}" for service in services)])
    return Locked(
        f"{what} by {holding.owner} since {holding.since:%H:%M:%S} UTC (run {holding.run}{of}); the lock lasts for "
        f"{max(0, round(seconds))} s more, unless it is renewed",
        hint=f"see how far it is: {look}; or take over what nobody drives any more: --take-over",
    )


class Locks:
    """The locks of a run. They are taken in the order of their names, so that two runs never wait for each other.

    As a context manager it keeps the locks from expiring, in a thread of its own, and releases them in the end.
    """

    def __init__(
        self,
        aws: Aws,
        cluster: str,
        names: Sequence[str],
        run: str,
        *,
        take_over: bool = False,
        wait: Callable[[str, Holding, float], None] | None = None,
    ) -> None:
        """`wait(name, holding, seconds)` blocks for a moment while somebody has a lock; None: that is refused at once."""
        self._aws = aws
        self._cluster = cluster.rsplit("/", 1)[-1]
        self._names = sorted(set(names))
        self._run = run
        self._holder = this_holder()
        self._wait = wait
        self._take_over = take_over
        self._held: dict[str, Entry] = {}
        self._lost: str | None = None
        self._renewed = monotonic()
        self.renew_seconds = max(_LEAST_RENEW_SECONDS, _RENEW_SECONDS_EACH * len(self._names))
        self._expiry = timedelta(seconds=_LASTS * self.renew_seconds)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    # -- taking and giving -------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Take them all, or none.

        Raises:
            Locked: somebody has one; says who, since when and until when.
            AwsError: SSM refuses.
        """
        try:
            for name in self._names:
                self._held[name] = self._take(name)
        except BaseException:
            self._release()
            raise
        self._renewed = monotonic()
        self._thread = threading.Thread(target=self._keep, name="locks", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
        self._release()

    def _take(self, name: str) -> Entry:
        tries = 0
        while tries < _CONCURRENT_TRIES:
            with calling(f"looking at the lock of {name}"):
                entries = self._entries(name)
            last, now = newest(entries), self._now()
            if last is not None and last.holding.holds(now, is_dead=is_dead) and not self._take_over:
                if self._wait is None:
                    raise self._locked(name, last.holding)
                self._wait(name, last.holding, (last.holding.expires - now).total_seconds())
                continue
            tries += 1
            number = 1 if last is None else last.number + 1
            entry = Entry(number, Holding(self._aws.caller_arn(), self._run, self._holder, now, now + self._expiry))
            if self._create(name, entry):
                self._forget(name, [old.number for old in entries])
                return entry
        raise Locked(f"{name}: others take its lock at the same moment", hint="try again")

    def _locked(self, name: str, holding: Holding) -> Locked:
        now = self._now()
        with calling("looking at the locks"):
            names = names_held(self._all_entries(), holding.run, now)
        return refusal(name, holding, names, self._cluster, (holding.expires - now).total_seconds())

    def _release(self) -> None:
        for name, entry in list(self._held.items()):
            # nobody is helped by an error here: the lock expires by itself
            try:
                if newest(self._entries(name)) == entry:
                    self._write(name, Entry(entry.number, replace(entry.holding, released=True)))
            except (ClientError, BotoCoreError):
                continue
            finally:
                del self._held[name]

    # -- keeping -----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Make sure that the locks are ours, before something is changed.

        Raises:
            LockLost: they are not.
        """
        if self._lost is None and monotonic() - self._renewed > 1.2 * self.renew_seconds:
            # the thread could not renew: this machine slept, or AWS did not answer
            self._renew()
        if self._lost is not None:
            raise LockLost(self._lost, hint="see who deploys: fairway status; what ECS was asked for goes on there")

    def _keep(self) -> None:
        while not self._ending.wait(self.renew_seconds):
            try:
                self._renew()
            except (ClientError, BotoCoreError):
                continue
            if self._lost is not None:
                return

    def _renew(self) -> None:
        entries = self._all_entries()
        for name, entry in list(self._held.items()):
            last = newest(entries.get(name, ()))
            if last is None or last.number != entry.number or last.holding.holder != self._holder:
                who = "somebody" if last is None else f"{last.holding.owner} (run {last.holding.run})"
                self._lost = f"the lock of {name} was taken over by {who}"
                return
            renewed = Entry(entry.number, replace(entry.holding, expires=self._now() + self._expiry))
            self._write(name, renewed)
            self._held[name] = renewed
        self._renewed = monotonic()

    def held_by(self) -> dict[str, list[str]]:
        """By run that holds locks in this cluster now: their names."""
        with calling("looking at the locks"):
            entries = self._all_entries()
        last = [entry for entry in map(newest, entries.values()) if entry is not None]
        now = self._now()
        runs = {entry.holding.run for entry in last if entry.holding.holds(now, is_dead=is_dead)}
        return {run: names_held(entries, run, now) for run in runs}

    # -- SSM ---------------------------------------------------------------------------------------------------------

    def _now(self) -> datetime:
        """What all who ask agree on: AWS's time; on one machine its own, which no `--speed` changes."""
        return wall_now() if self._aws.is_local else self._aws.now()

    def _path(self, name: str) -> str:
        return f"{ROOT}/{self._cluster}/{name}"

    def _entries(self, name: str) -> list[Entry]:
        return self._below(self._path(name)).get(name, [])

    def _all_entries(self) -> dict[str, list[Entry]]:
        """Of every service of the cluster: ten come at once, so that forty locks are read by five calls."""
        return self._below(f"{ROOT}/{self._cluster}")

    def _below(self, path: str) -> dict[str, list[Entry]]:
        found: dict[str, list[Entry]] = {}
        pages = self._aws.ssm.get_paginator("get_parameters_by_path")
        for page in pages.paginate(Path=path, Recursive=True):
            for item in page["Parameters"]:
                entry = read_entry(item["Name"], item["Value"])
                if entry is not None:
                    found.setdefault(item["Name"].rsplit("/", 2)[-2], []).append(entry)
        return found

    def _create(self, name: str, entry: Entry) -> bool:
        with calling(f"locking {name}"):
            try:
                self._aws.ssm.put_parameter(
                    Name=f"{self._path(name)}/{entry.number}",
                    Value=write_holding(entry.holding),
                    Type="String",
                    Overwrite=False,
                )
            except ClientError as error:
                if error_code(error) == "ParameterAlreadyExists":
                    return False
                raise
        return True

    def _write(self, name: str, entry: Entry) -> None:
        self._aws.ssm.put_parameter(
            Name=f"{self._path(name)}/{entry.number}",
            Value=write_holding(entry.holding),
            Type="String",
            Overwrite=True,
        )

    def _forget(self, name: str, numbers: Sequence[int]) -> None:
        """Delete what is below ours; nobody holds a lower number."""
        names = [f"{self._path(name)}/{number}" for number in numbers]
        for start in range(0, len(names), 10):
            try:
                self._aws.ssm.delete_parameters(Names=names[start : start + 10])
            except (ClientError, BotoCoreError):
                return
