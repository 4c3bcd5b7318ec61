"""Plays the acts of a stage by Fairway's own commands, and writes down what happened in each."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from fairway.aws.observe import Observer
from fairway.aws.session import AwsError, connect
from fairway.deployment.outcome import EXIT_CODES, Ending
from fairway.deployment.rehearsal.acts import Act, Kind, Stage, has_check, principal_service
from fairway.deployment.rehearsal.beside import Traffic, Watchman
from fairway.deployment.rehearsal.cast import write_definitions
from fairway.deployment.rehearsal.command import Done, run_command
from fairway.deployment.rehearsal.ground import OPEN_RUN, Standing, leavings, one_offs_of, standing
from fairway.deployment.rehearsal.happened import Happened, Heard, Told, read_told
from fairway.deployment.rehearsal.verdict import Played, judge, wrongly_at
from fairway.load.address import read_address
from fairway.project.checks import RequestCheck

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fairway.deployment.rehearsal.acts import Playbill
    from fairway.deployment.rehearsal.cast import Cast
    from fairway.deployment.rehearsal.ground import Ground
    from fairway.project.model import Project

_DEPLOY: Final = ("deploy", "--yes", "--force", "--skip", "lint", "--skip", "check")
_LIMIT_SECONDS: Final = {Stage.SCALE: 240.0, Stage.TRUTH: 420.0}
"""What an act takes at most, in real seconds; then its command is ended."""
_LEAST_GOOD: Final = 200
_MOST_GOOD: Final = 399


class Progress(Protocol):
    """Who is told how the rehearsal goes on."""

    def begin(self, act: Act) -> None:
        """An act begins."""

    def going(self, act: Act, seconds: float) -> None:
        """It goes on for so long; told again and again."""

    def ended(self, played: Played) -> None:
        """It has ended."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the acts of a stage are played."""

    project: Project
    """The rehearsal's own, in its folder."""
    cast: Cast
    ground: Ground
    environment: Mapping[str, str]
    """Of the commands' processes: no credentials stand in it."""
    tag: str
    from_tags: tuple[str, ...]
    """What `--tag` says for the baseline: `T`, or `SERVICE=T` several times."""
    rate: float
    """Requests per second."""

    @property
    def folder(self) -> Path:
        return self.project.root


@dataclass(frozen=True, slots=True)
class StagePlayed:
    """The acts of a stage, as far as they were played."""

    played: tuple[Played, ...]
    missing: tuple[str, ...] = ()
    """Why the rest was not."""


def play(bill: Playbill, scene: Scene, progress: Progress) -> StagePlayed:
    """Play the acts in their order. A stage whose baseline does not stand, or that cannot be put right, ends early."""
    player = _Player(scene, bill.stage, progress)
    played: list[Played] = []
    for act in bill.acts:
        progress.begin(act)
        ended = player.play(act)
        progress.ended(ended)
        played.append(ended)
        trouble = player.after(ended)
        if trouble and act is not bill.acts[-1]:
            rest = ", ".join(item.key for item in bill.acts[len(played) :])
            return StagePlayed(tuple(played), (f"{bill.stage}: {trouble}; not played: {rest}",))
    return StagePlayed(tuple(played))


class _Player:
    def __init__(self, scene: Scene, stage: Stage, progress: Progress) -> None:
        environment = scene.project.environment
        self._scene = scene
        self._stage = stage
        self._progress = progress
        self._observer = Observer(connect(environment), environment.cluster)
        self._baseline = Standing({}, (), {}, {}, {})
        """What stood after the baseline."""

    # -- one act -----------------------------------------------------------------------------------------------------

    def play(self, act: Act) -> Played:
        """Play it. Whatever the account does not answer is wrong, and is said."""
        scene = self._scene
        before = standing(self._observer, scene.project)
        write_definitions(scene.cast, scene.folder, act)
        with ExitStack() as stack:
            watchman = traffic = None
            if act.kind is not Kind.BASELINE:
                watchman = stack.enter_context(self._watchman())
                traffic = self._traffic()
                if traffic is not None:
                    stack.enter_context(traffic)
            dones = self._commands(act)
        last = dones[-1]
        happened = Happened(
            exit_code=last.exit_code,
            told=self._told(act, dones),
            seconds=sum(done.seconds for done in dones),
            capacity={} if watchman is None else dict(watchman.lowest),
            requests=None if traffic is None else traffic.requests(),
            said=() if last.exit_code == act.exit_code else last.lines,
            note="" if len(dones) == 1 or act.kind is not Kind.RESUME else "killed by SIGKILL at service_updated",
        )
        return judge(act, self._with_account(act, happened, before, dones))

    def _told(self, act: Act, dones: list[Done]) -> Told:
        heard = [item for done in dones for item in done.heard]
        return read_told(heard, self._name(act.service))

    def _name(self, key: str | None) -> str | None:
        """How events name a service (its name on ECS) or a one-off task (its key)."""
        spec = self._scene.project.services.get(key or "")
        return key if spec is None else spec.service_name

    def _with_account(self, act: Act, happened: Happened, before: Standing, dones: list[Done]) -> Happened:
        try:
            now = standing(self._observer, self._scene.project)
            return replace(
                happened,
                not_back=tuple(self._wrongly(act, happened, before, now)),
                twice=tuple(self._twice(before, now, dones)) if act.kind is Kind.RESUME else (),
                left_behind=tuple(self._left_behind(happened)),
            )
        except AwsError as error:
            return replace(happened, left_behind=(f"the private engine does not answer: {error.message}",))

    def _left_behind(self, happened: Happened) -> list[str]:
        """A run that is held has to stay: somebody decides."""
        held = happened.exit_code == EXIT_CODES[Ending.HELD]
        return [text for text in leavings(self._observer.aws) if not (held and text.startswith(OPEN_RUN))]

    def _wrongly(self, act: Act, happened: Happened, before: Standing, now: Standing) -> list[str]:
        """Services that serve something else than they have to, or have not come to rest."""
        found = [f"{key} has a deployment that goes on" for key in now.moving]
        for key in self._scene.project.services:
            serves = now.serving.get(key, "nothing")
            how = wrongly_at(
                act,
                happened.exit_code,
                now=serves,
                before=before.serving.get(key),
                baseline=self._baseline.serving.get(key),
                belongs=act.is_whole or key == act.service,
            )
            if how is not None:
                found.append(f"{key} serves {serves.rsplit('/', 1)[-1]}{how}")
        for key, item in self._scene.project.scheduled.items():
            starts = now.started.get(key, "nothing")
            how = wrongly_at(
                act,
                happened.exit_code,
                now=starts,
                before=before.started.get(key),
                baseline=self._baseline.started.get(key),
                belongs=act.is_whole or not item.after or act.service in item.after,
            )
            if how is not None:
                found.append(f"the schedule of {key} starts {starts.rsplit('/', 1)[-1]}{how}")
        return found

    def _twice(self, before: Standing, now: Standing, dones: list[Done]) -> list[str]:
        found = []
        for what, then, later in (
            ("revisions of {} were registered", before.revisions, now.revisions),
            ("deployments of {} were begun", before.deployments, now.deployments),
        ):
            found += [
                f"{later[key] - then.get(key, 0)} {what.format(key)}"
                for key in later
                if later[key] - then.get(key, 0) > 1
            ]
        runs = {str(item.event["run"]) for done in dones for item in done.heard if item.kind == "started"}
        for run in runs:
            counts = one_offs_of(self._observer, run)
            found += [f"{family} ran {count} times" for family, count in counts.items() if count > 1]
        return found

    # -- what goes on beside it --------------------------------------------------------------------------------------

    def _watchman(self) -> Watchman:
        project = self._scene.project
        names = {key: spec.service_name for key, spec in project.services.items()}
        checked = frozenset(key for key, spec in project.services.items() if has_check(spec))
        return Watchman(connect(project.environment), project.environment.cluster, names, checked=checked)

    def _traffic(self) -> Traffic | None:
        scene = self._scene
        if self._stage is not Stage.TRUTH or scene.ground.address is None or scene.rate <= 0:
            return None
        checks = principal_service(scene.project).verify
        paths = tuple(
            check.path
            for check in checks
            if isinstance(check, RequestCheck)
            and not check.headers
            and all(_LEAST_GOOD <= status <= _MOST_GOOD for status in check.status)
        )
        return Traffic(read_address(scene.ground.address), paths or (self._health_path(),), scene.rate)

    def _health_path(self) -> str:
        groups = (self._scene.project.balancer_definition or {}).get("targetGroups", ())
        return next((str(group["HealthCheckPath"]) for group in groups if "HealthCheckPath" in group), "/")

    # -- commands ----------------------------------------------------------------------------------------------------

    def _commands(self, act: Act) -> list[Done]:
        match act.kind:
            case Kind.ROLLBACK:
                return [self._run(act, "rollback", "--yes")]
            case Kind.RESUME:
                return self._kill_and_resume(act)
            case _:
                return [self._run(act, *self._deploy(act))]

    def _deploy(self, act: Act) -> list[str]:
        tags = self._scene.from_tags if act.kind is Kind.BASELINE else (self._scene.tag,)
        words = [*_DEPLOY, *(word for tag in tags for word in ("--tag", tag))]
        if not act.is_watched or act.uncatchable:
            words += ["--skip", "monitor"]
        if not act.is_whole and act.service is not None:
            words += ["--skip", "migrate", act.service]
        return words

    def _kill_and_resume(self, act: Act) -> list[Done]:
        killed = self._run(act, *self._deploy(act), kills=True)
        if killed.exit_code is None or killed.exit_code >= 0:
            return [killed]
        return [killed, self._run(act, "deploy", "--resume")]

    def _run(self, act: Act, *words: str, kills: bool = False) -> Done:
        def on_event(heard: Heard) -> bool:
            return kills and heard.kind == "service_updated"

        return run_command(
            words,
            folder=self._scene.folder,
            environment=self._scene.environment,
            limit_seconds=_LIMIT_SECONDS[self._stage],
            on_event=on_event,
            on_wait=lambda seconds: self._progress.going(act, seconds),
        )

    # -- between acts ------------------------------------------------------------------------------------------------

    def after(self, played: Played) -> str:
        """Make the ground good for the next act; why that cannot be, or nothing."""
        act, happened = played.act, played.happened
        if act.kind is Kind.BASELINE:
            if played.reasons:
                return f"the baseline does not stand: {happened.told.reason or played.reasons[0]}"
            self._baseline = standing(self._observer, self._scene.project)
            return ""
        is_dirty = act.is_fault and (happened.exit_code in {0, None} or bool(happened.not_back))
        if not is_dirty and not happened.left_behind and not played.reasons:
            return ""
        return self._put_right(act)

    def _put_right(self, act: Act) -> str:
        """Deploy the good release: the next act is not to start from a broken one."""
        good = replace(act, kind=Kind.RELEASE, service=None, is_whole=True, is_watched=False, labels={}, switch="")
        write_definitions(self._scene.cast, self._scene.folder)
        done = self._run(good, *self._deploy(good), "--take-over")
        if done.exit_code == 0:
            return ""
        return (
            f"after {act.key} the good release could not be deployed again (exit code {done.exit_code}): {done.error}"
        )
