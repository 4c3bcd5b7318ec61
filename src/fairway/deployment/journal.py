"""What is left to do of a run, kept in the account: enough for another process to go on where this one ended.

    /fairway/run/<cluster>/<run>      one SSM parameter, from the lock to the end; deleted when nothing is left to do

What a run has *done* is on ECS and is read there; the journal says only what it was asked to do, what served before, and since
when what is watched. No value of a variable stands in it: `--set` is kept as a hash.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from fairway.aws.calls import calling, error_code
from fairway.errors import DeploymentHeld, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fairway.aws.session import Aws
    from fairway.deployment.release import Choices

ROOT: Final = "/fairway/run"
_MOST_BYTES: Final = 4096
"""Of a standard parameter; a longer one becomes an advanced one."""


class Unfinished(DeploymentHeld):
    """Another run has begun this, and has not ended: its verdict is open."""

    code = "unfinished-run"


class State(StrEnum):
    """How far a run has come."""

    GOING = "going"
    """It deploys: `deploy --resume` goes on."""
    WATCHING = "watching"
    """Its services serve; they are to be verified and watched: `watch --pending` goes on."""
    HELD = "held"
    """They were watched, and nothing is known: `watch --pending` watches anew, `watch --accept` says that they are good."""


@dataclass(frozen=True, slots=True)
class Journal:
    """One run."""

    run: str
    by: str
    began: datetime
    environment: str
    services: tuple[str, ...]
    """Keys, all of which are deployed by it."""
    tag: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    images: tuple[tuple[str, str], ...] = ()
    sets: str = ""
    """Hash of what `--set` says."""
    commit: str | None = None
    steps: tuple[str, ...] = ()
    """Those that are done; in their order."""
    before: Mapping[str, str] = field(default_factory=dict)
    """By key: `family:revision` that served before; a service that is created has none."""
    proves: tuple[str, ...] = ()
    """Keys of services that serve what is wanted already: nobody has verified it, and this run does."""
    scheduled_before: Mapping[str, str] = field(default_factory=dict)
    """By key of a scheduled task: the ARN of the task definition that was started before."""
    one_way: tuple[str, ...] = ()
    """Migrations of this run that cannot be undone."""
    urgent: str | None = None
    """Why peak hours, or alarms that were red, were no reason to wait."""
    confirmed: tuple[Mapping[str, Any], ...] = ()
    """Points of the checklist and who said so, as a report has them."""
    state: State = State.GOING
    since: datetime | None = None
    """The time from which on the services are watched."""

    @property
    def is_deployed(self) -> bool:
        """Nothing is left to deploy: what is left is to look."""
        return self.state is not State.GOING

    def watched_since(self, now: datetime) -> datetime:
        """When the watch begins that is done now.

        One that was interrupted goes on with its own window. One that was held has seen all of its window, and no more numbers
        come for that: it begins anew.
        """
        return now if self.since is None or self.state is State.HELD else self.since


def hash_sets(sets: tuple[tuple[str, str | None, str, str], ...]) -> str:
    """What `--set` says, so that a resumed run is not given something else; empty for nothing. Pure."""
    return hashlib.sha256(json.dumps(sorted(map(list, sets), key=str)).encode()).hexdigest() if sets else ""


def write(journal: Journal) -> str:
    """As it stands in the account. Pure."""
    document = {
        "run": journal.run,
        "by": journal.by,
        "began": journal.began.isoformat(),
        "environment": journal.environment,
        "services": list(journal.services),
        "tag": journal.tag,
        "tags": [list(item) for item in journal.tags],
        "images": [list(item) for item in journal.images],
        "sets": journal.sets,
        "commit": journal.commit,
        "steps": list(journal.steps),
        "before": dict(journal.before),
        "proves": list(journal.proves),
        "scheduled_before": dict(journal.scheduled_before),
        "one_way": list(journal.one_way),
        "urgent": journal.urgent,
        "confirmed": list(journal.confirmed),
        "state": str(journal.state),
        "since": None if journal.since is None else journal.since.isoformat(),
    }
    return json.dumps({key: value for key, value in document.items() if value not in (None, "", [], {})})


def read(text: str) -> Journal | None:
    """A journal from the account; None: it is not one of ours. Pure."""
    try:
        document: Mapping[str, Any] = json.loads(text)
        since = document.get("since")
        return Journal(
            run=str(document["run"]),
            by=str(document["by"]),
            began=datetime.fromisoformat(document["began"]),
            environment=str(document["environment"]),
            services=tuple(document["services"]),
            tag=document.get("tag"),
            tags=tuple((str(key), str(tag)) for key, tag in document.get("tags", ())),
            images=tuple((str(name), str(image)) for name, image in document.get("images", ())),
            sets=str(document.get("sets", "")),
            commit=document.get("commit"),
            steps=tuple(document.get("steps", ())),
            before=dict(document.get("before", {})),
            proves=tuple(document.get("proves", ())),
            scheduled_before=dict(document.get("scheduled_before", {})),
            one_way=tuple(document.get("one_way", ())),
            urgent=document.get("urgent"),
            confirmed=tuple(map(dict, document.get("confirmed", ()))),
            state=State(document.get("state", State.GOING)),
            since=None if since is None else datetime.fromisoformat(since),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def check_resumed(journal: Journal, choices: Choices) -> None:
    """Make sure that what is resumed is what is asked for, as far as anything is.

    Raises:
        UsageError: it is not.
    """
    asked = {
        "--tag": (choices.tag or choices.tags or None, journal.tag or journal.tags or None),
        "--image": (choices.images or None, journal.images or None),
    }
    for option, (now, then) in asked.items():
        if now is not None and now != then:
            raise UsageError(
                f"run {journal.run} was started with {option} {then}, not {now}",
                hint="leave it out: --resume goes on with what was asked for then",
            )
    if choices.services and set(choices.services) != set(journal.services):
        raise UsageError(
            f"run {journal.run} deploys {', '.join(journal.services)}", hint="leave the services out with --resume"
        )
    # what has been deployed is only looked at, and its values are not needed any more
    if hash_sets(choices.sets) != journal.sets and (choices.sets or not journal.is_deployed):
        raise UsageError(
            f"run {journal.run} was started with another --set",
            hint="repeat it: its values are kept nowhere",
        )


def refuse_unfinished(journals: Iterable[Journal], keys: Sequence[str]) -> None:
    """Make sure that no run which is to prove one of these services is unfinished: that run can also take them back. Pure.

    Raises:
        Unfinished: there is one.
    """
    for journal in journals:
        found = [key for key in keys if key in journal.services]
        if found:
            raise Unfinished(
                f"{', '.join(found)}: what is wanted serves already, and nobody has said that it is good; run {journal.run}, "
                f"begun {journal.began:%Y-%m-%d %H:%M:%S} by {journal.by}, has not ended ({journal.state})",
                hint=f"go on with it: fairway deploy --resume {journal.run}; or begin a new deployment: --force",
            )


class Journals:
    """The journals of a cluster."""

    def __init__(self, aws: Aws, cluster: str) -> None:
        self._aws = aws
        self._path = f"{ROOT}/{cluster.rsplit('/', 1)[-1]}"

    def put(self, journal: Journal) -> None:
        """Write a journal down, before what it says is begun."""
        text = write(journal)
        with calling(f"writing down run {journal.run}"):
            self._aws.ssm.put_parameter(
                Name=f"{self._path}/{journal.run}",
                Value=text,
                Type="String",
                Overwrite=True,
                Tier="Advanced" if len(text.encode()) > _MOST_BYTES else "Standard",
            )

    def watch(self, journal: Journal, since: datetime) -> Journal:
        """From now on the services are watched."""
        watching = replace(journal, state=State.WATCHING, since=since)
        self.put(watching)
        return watching

    def hold(self, journal: Journal) -> Journal:
        """They were watched, and somebody has to decide."""
        held = replace(journal, state=State.HELD)
        self.put(held)
        return held

    def end(self, run: str) -> None:
        """Nothing is left to do."""
        try:
            self._aws.ssm.delete_parameter(Name=f"{self._path}/{run}")
        except ClientError as error:
            if error_code(error) != "ParameterNotFound":
                raise

    def all(self) -> list[Journal]:
        """Of every run that has not ended, newest first."""
        found = []
        with calling("looking for unfinished runs"):
            for page in self._aws.ssm.get_paginator("get_parameters_by_path").paginate(Path=self._path):
                found += [read(item["Value"]) for item in page["Parameters"]]
        return sorted((item for item in found if item is not None), key=lambda item: item.began, reverse=True)

    def find(self, run: str | None) -> Journal:
        """A run that has not ended; without a name the only one.

        Raises:
            UsageError: there is none, or more than one.
        """
        going = [item for item in self.all() if run in {None, item.run}]
        if not going:
            what = "no run is unfinished" if run is None else f"run {run} is not unfinished, or never was"
            raise UsageError(f"{what} in {self._path.rsplit('/', 1)[-1]}", hint="see what was: fairway history")
        if len(going) > 1:
            names = ", ".join(item.run for item in going)
            raise UsageError(f"several runs are unfinished: {names}", hint="name one: --resume RUN")
        return going[0]
