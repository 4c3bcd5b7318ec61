"""How `fairway rehearse` goes on: stage after stage on an engine of its own, told line by line, and its report."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from fairway.clock import monotonic, wall_now
from fairway.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from fairway.aws.session import Aws
    from fairway.cli.output import Output
    from fairway.deployment.rehearsal.acts import Act, Playbill
    from fairway.deployment.rehearsal.cast import Cast
    from fairway.deployment.rehearsal.player import StagePlayed
    from fairway.deployment.rehearsal.stand_ins import Differing
    from fairway.deployment.rehearsal.verdict import Played
    from fairway.project.model import Environment, Project, ServiceSpec, TaskSpec

_STAGES: Final = ("scale", "truth")
_SPEEDS: Final = {"scale": 60.0, "truth": 20.0}
_RUNTIMES: Final = {"scale": "simulated", "truth": "process"}
_GROUND_SECONDS: Final = {"scale": 8.0, "truth": 45.0}
"""Starting an engine, and building images, about."""
_SAID_SECONDS: Final = 2.0
"""An act that takes longer says so."""


class Stand(AbstractContextManager["Stand"], Protocol):
    """A private engine, gone when its context ends."""

    data: Path
    project: Path
    """The folder of the rehearsal's own project."""
    left_behind: list[str]
    """What is not gone."""

    @property
    def endpoint(self) -> str:
        """Where it answers."""

    def environment(self, project: Project) -> Environment:
        """It as the local environment, with the project's cluster and region."""

    def variables(self) -> dict[str, str]:
        """Of processes that speak to it alone."""

    def start(self, runtime: str, speed: float) -> None:
        """Start it."""


class Rehearsing:
    """From the arguments to the exit code."""

    def __init__(self, arguments: argparse.Namespace, out: Output, new_engine: Callable[[], Stand]) -> None:
        from fairway.project.load import load_project  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.project.model import LOCAL  # noqa: PLC0415

        self._arguments = arguments
        self._out = out
        self._new_engine = new_engine
        self._production = load_project(Path.cwd(), arguments.env, is_needed=True)
        self._local = load_project(Path.cwd(), LOCAL)
        # from here on the rehearsal's own project is meant, which lies in another folder
        os.environ.pop("FAIRWAY_FILE", None)
        self._stages = list(_STAGES) if arguments.stage == "all" else [arguments.stage]
        self._played: list[Played] = []
        self._bills: list[Playbill] = []
        self._missing: list[str] = []
        self._left_behind: list[str] = []
        self._differing: dict[str, tuple[Differing, ...]] = {}
        self._notes: dict[str, list[str]] = {}

    def run(self) -> int:
        from fairway.deployment.register import run_id  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.deployment.rehearsal.cast import check_can_be_played  # noqa: PLC0415
        from fairway.deployment.rehearsal.verdict import decide  # noqa: PLC0415

        check_can_be_played(self._production, self._local)
        self._without_unbuildable()
        self._check_acts()
        from_tags = self._from_tags()
        began, at = monotonic(), wall_now()
        self._announce(from_tags)
        for stage in self._stages:
            with self._new_engine() as engine:
                result = self._stage(stage, engine, from_tags)
            self._played += result.played
            self._missing += result.missing
            self._left_behind += engine.left_behind
        decision = decide(self._played, self._left_behind, self._missing)
        return self._conclude(f"rehearsal-{run_id(at)}", at, monotonic() - began, from_tags, decision)

    def _without_unbuildable(self) -> None:
        """Processes need images that can be built here.

        Raises:
            UsageError: only processes were asked for.
        """
        specs: Mapping[str, ServiceSpec | TaskSpec] = {**self._production.services, **self._production.tasks}
        lacking = [key for key, spec in specs.items() if spec.image is None or spec.image.definition is None]
        if "truth" not in self._stages or not lacking:
            return
        text = f"{', '.join(lacking)}: no image definition, so nothing can be built and run here as processes"
        if self._stages == ["truth"]:
            raise UsageError(text, hint='add image = { repository = "NAME", definition = "docker/NAME.image.toml" }')
        self._stages.remove("truth")
        self._out.note(f"without the stage truth: {text}")
        self._notes["truth"] = [f"the stage truth was not played: {text}"]

    def _check_acts(self) -> None:
        """Refuse an act that no stage has."""
        from fairway.deployment.rehearsal.acts import names_of_acts  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.project.text import did_you_mean  # noqa: PLC0415

        known = names_of_acts(self._production)
        for name in self._arguments.act:
            if name not in known:
                raise UsageError(f"there is no act {name!r}", hint=did_you_mean(name, known))

    def _from_tags(self) -> tuple[str, ...]:
        if self._arguments.from_tag is not None:
            return (self._arguments.from_tag,)
        if not self._arguments.read_aws:
            return (self._arguments.tag,)
        from fairway.cli.where import Named, connect_to  # noqa: PLC0415 - only for this option

        named = [Named(key, spec.service_name) for key, spec in self._production.services.items()]
        place = connect_to(self._production.environment, named, project=self._production)
        living = place.observer.services([item.name for item in named])
        tags = {
            item.address: place.observer.task_definition(living[item.name].task_definition, fresh=True).version
            for item in named
            if item.name in living
        }
        known = {key: tag for key, tag in tags.items() if tag}
        if len(set(known.values())) == 1 and len(known) == len(named):
            return (next(iter(known.values())),)
        return (self._arguments.tag, *(f"{key}={tag}" for key, tag in known.items()))

    def _announce(self, from_tags: tuple[str, ...]) -> None:
        out, environment = self._out, self._production.environment
        minutes = sum(self._seconds(stage) for stage in self._stages) / 60
        before = " ".join(from_tags)
        out.text(
            out.paint(
                f"rehearsal of {self._production.name} {self._arguments.tag} (from {before}) for {environment.name}",
                "bold",
            )
        )
        out.text(
            f"  on a private engine of this machine: no AWS credentials are used, and {environment.cluster} is not touched"
        )
        out.text(f"  takes about {max(1, round(minutes))} minutes on two cores")
        out.event(
            "rehearsal_started",
            environment=environment.name,
            version=self._arguments.tag,
            from_version=before,
            stages=self._stages,
            minutes=round(minutes, 1),
        )

    def _speed(self, stage: str) -> float:
        return float(self._arguments.speed or _SPEEDS[stage])

    def _seconds(self, stage: str) -> float:
        return self._bill(stage, has_metrics=True).seconds + _GROUND_SECONDS[stage]

    def _bill(self, stage: str, *, has_metrics: bool) -> Playbill:
        from fairway.deployment.rehearsal.acts import Stage, playbill  # noqa: PLC0415 - only what a verb needs

        arguments = self._arguments
        return playbill(
            self._production, Stage(stage), quick=arguments.quick, has_metrics=has_metrics, only=arguments.act
        )

    # -- a stage -----------------------------------------------------------------------------------------------------

    def _stage(self, stage: str, engine: Stand, from_tags: tuple[str, ...]) -> StagePlayed:
        from fairway.aws.session import connect  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.cli.build import build_images  # noqa: PLC0415
        from fairway.cli.up import start_stores  # noqa: PLC0415
        from fairway.deployment.rehearsal.cast import write_cast  # noqa: PLC0415
        from fairway.deployment.rehearsal.ground import lay_ground, measures_requests  # noqa: PLC0415
        from fairway.deployment.rehearsal.player import Scene, play  # noqa: PLC0415
        from fairway.project.load import load_project  # noqa: PLC0415
        from fairway.project.model import LOCAL  # noqa: PLC0415

        engine.start(_RUNTIMES[stage], self._speed(stage))
        aws = connect(engine.environment(self._production))
        has_metrics = stage == "truth" and measures_requests(aws)
        bill = self._bill(stage, has_metrics=has_metrics)
        cast = self._cast(stage, has_metrics=has_metrics)
        write_cast(cast, engine.project, engine.endpoint)
        project = load_project(engine.project, LOCAL)
        # whoever calls `fairway deploy` in that folder says the same: the switch is the real project's own
        project = replace(project, fault_switches=self._production.fault_switches)
        values = start_stores(project, engine.data, self._step) if stage == "truth" else {}
        ground = lay_ground(aws, project, cast, values, lambda _line: None)
        if stage == "truth":
            self._build(build_images, project, aws, from_tags)
        self._begin_stage(bill, cast, ground.notes)
        scene = Scene(project, cast, ground, engine.variables(), self._arguments.tag, from_tags, self._arguments.rate)
        return play(bill, scene, _Lines(self._out))

    def _cast(self, stage: str, *, has_metrics: bool) -> Cast:
        from fairway.deployment.rehearsal.acts import Stage  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.deployment.rehearsal.cast import Casting, read_said, with_one_off_models  # noqa: PLC0415

        cast = Casting(
            self._production,
            self._local,
            read_said(self._production.root, self._production.environment.name),
            stage=Stage(stage),
            tasks=self._arguments.tasks,
            quick=self._arguments.quick,
            has_metrics=has_metrics,
            speed=self._speed(stage),
            rate=self._arguments.rate,
        ).make()
        return with_one_off_models(cast) if stage == "scale" else cast

    def _build(self, build: Any, project: Project, aws: Aws, from_tags: tuple[str, ...]) -> None:
        tags = {self._arguments.tag, *(tag.rpartition("=")[2] for tag in from_tags)}
        for tag in sorted(tags):
            build(project, aws, self._out, tag=tag)

    def _step(self, line: str) -> None:
        self._out.text(f"  {line}")

    def _begin_stage(self, bill: Playbill, cast: Cast, notes: tuple[str, ...]) -> None:
        stage = str(bill.stage)
        self._bills.append(bill)
        self._differing[stage] = cast.differing
        self._notes[stage] = [*cast.notes, *notes]
        self._out.text()
        self._out.text(self._out.paint(f"{stage}: {len(bill.acts)} acts, {len(bill.left_out)} left out", "bold"))
        self._out.event(
            "rehearsal_stage",
            stage=stage,
            acts=[act.key for act in bill.acts],
            left_out=[{"act": name, "reason": why} for name, why in bill.left_out],
            differs=[item.document() for item in cast.differing],
            notes=self._notes[stage],
        )

    # -- the end -----------------------------------------------------------------------------------------------------

    def _conclude(self, run: str, at: Any, seconds: float, from_tags: tuple[str, ...], decision: Any) -> int:
        from fairway.deployment.rehearsal.page import rehearsal_document, row, terminal_table  # noqa: PLC0415

        production, out = self._production, self._out
        environment = production.environment
        report = rehearsal_document(
            run=run,
            project=production.name,
            environment={
                "name": environment.name,
                "account": environment.account,
                "region": environment.region,
                "cluster": environment.cluster,
            },
            tag=self._arguments.tag,
            from_tag=" ".join(from_tags),
            began=at,
            seconds=seconds,
            decision=decision,
            played=self._played,
            bills=self._bills,
            differing=self._differing,
            notes=self._notes,
        )
        out.text()
        for line in terminal_table([row(act) for act in report["acts"]], out.width):
            out.text(line)
        out.text()
        for line in decision.not_caught:
            out.text(out.paint(line, "yellow"))
        out.text(out.paint("GO" if decision.go else "NO-GO", "green" if decision.go else "red"))
        for reason in decision.reasons:
            out.text(out.paint(f"  {reason}", "red"))
        self._write(report)
        out.text(f"rehearsed in {seconds / 60:.1f} minutes")
        out.event(
            "rehearsed",
            run=run,
            go=decision.go,
            reasons=list(decision.reasons),
            not_caught=list(decision.not_caught),
            seconds=round(seconds, 1),
            exit_code=decision.exit_code,
        )
        code: int = decision.exit_code
        return code

    def _write(self, report: dict[str, Any]) -> None:
        from fairway.deployment.publish import write_page  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.deployment.rehearsal.page import render_page  # noqa: PLC0415

        root = self._production.root
        try:
            page = write_page(report, render_page(report), root)
        except OSError as error:
            self._out.note(f"the report could not be written: {error}")
            self._out.event("warning", service="", message=f"the report could not be written: {error}")
            return
        self._out.text(f"report: {page.relative_to(root)}")
        self._out.event("report", path=str(page))


class _Lines:
    """Tells each act: a line when it has ended, and one when it takes its time."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._said = False

    def begin(self, act: Act) -> None:
        self._said = False
        self._out.event("act_started", stage=str(act.stage), act=act.key, title=act.title)

    def going(self, act: Act, seconds: float) -> None:
        if seconds < _SAID_SECONDS or (self._said and not self._out.is_terminal):
            return
        self._said = True
        self._out.counter(f"  …      {act.title} ({seconds:.0f} s of about {act.seconds:.0f})" if self._out.is_terminal else f"  …      {act.title}")  # fmt: skip

    def ended(self, played: Played) -> None:
        from fairway.deployment.rehearsal.page import act_document, row  # noqa: PLC0415 - only what a verb needs
        from fairway.deployment.rehearsal.verdict import Ended  # noqa: PLC0415

        out = self._out
        if self._said and out.is_terminal:
            out.counter("")
        words = {
            Ended.AS_EXPECTED: ("ok   ", "green"),
            Ended.NOT_CAUGHT_HERE: ("?    ", "yellow"),
            Ended.WRONG: ("WRONG", "red"),
        }
        word, colour = words[played.ended]
        _, title, _, caught, told, capacity, requests, code = row(act_document(played))
        facts = [
            f"{caught} after {told}" if told else caught,
            capacity,
            f"{requests} requests failed" if requests else "",
            f"exit code {code}",
            f"{played.happened.seconds:.0f} s",
        ]
        out.text(f"  {out.paint(word, colour)}  {title}: {', '.join(fact for fact in facts if fact)}")
        for reason in played.reasons:
            out.text(out.paint(f"         {reason}", "red"))
        out.event("act", **act_document(played))
