"""`fairway deploy`: register revisions, update services, follow what this began to its end."""

from __future__ import annotations

import argparse
import importlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairway.cli.checked import Given, add_check_arguments, check_before
from fairway.cli.choices import add_release_arguments, read_choices, read_duration
from fairway.cli.command import command
from fairway.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fairway.cli.output import Output
    from fairway.cli.where import Place
    from fairway.deployment.context import Context
    from fairway.deployment.journal import Journal
    from fairway.deployment.lock import Holding
    from fairway.deployment.pipeline import Options, Pipeline
    from fairway.deployment.prepare import Prepared
    from fairway.deployment.register import Origin
    from fairway.deployment.release import Choices, OneOff, Release, ScheduledRelease, ServiceRelease
    from fairway.deployment.steps import Selection
    from fairway.project.model import Project

EXAMPLES: Final = """  fairway deploy api --tag v2                     the service api, images with tag v2
  fairway deploy --tag v2                         every service, in their order
  fairway deploy api --image api=REPOSITORY:v2    exactly that image for one container; no one-off task runs
  fairway deploy api --tag v2 --set api:LOG_LEVEL=DEBUG
  fairway deploy --tag v2 --env production --yes  without a question, for CI
  fairway deploy --plan FILE --env production     exactly what `fairway plan --out FILE` has planned, or nothing

--image deploys exactly the image that it names: it is not built, and one-off tasks (the migrations) are left out, for
nothing says which of their images belongs to it. With --tag T beside it they run first, with T.

Ctrl-C (exit code 130) and SIGTERM (143) end the command, not the deployment: what was begun is named, and goes on at ECS.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_release_arguments(parser)
    add_check_arguments(parser)
    parser.add_argument(
        "--plan", metavar="FILE", help="do exactly what `fairway plan --out FILE` has planned, or refuse"
    )
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        help="stop waiting after this time (15m); exit code 6 (default: 30m for a one-off task)",
    )
    parser.add_argument(
        "--on-timeout",
        choices=("leave", "rollback"),
        default="leave",
        help="when --timeout is over: leave it to ECS (default), or roll back",
    )
    parser.add_argument(
        "--until",
        choices=("shifted", "verified", "watched"),
        default="watched",
        help="end after the services serve, or are verified; `fairway watch --pending` does the rest (default: watched)",
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="STEP", help="only this step; what is changed is locked"
    )
    parser.add_argument("--skip", action="append", default=[], metavar="STEP", help="without this step")
    parser.add_argument("--from", dest="start", metavar="STEP", help="from this step on; what comes before was done")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="RUN",
        help="go on with a run that was killed, or lost its connection, where ECS says that it is (the only one, without RUN)",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="deploy services that serve exactly this already, too: their tasks are replaced; with --resume: go on although "
        "somebody has changed a service since",
    )
    parser.add_argument("--take-over", action="store_true", help="take the locks from whoever has them")
    parser.add_argument(
        "--no-give-up",
        action="store_true",
        help="leave it to ECS's circuit breaker, even when no new task can ever start",
    )
    parser.add_argument(
        "--yes", action="store_true", help="do not ask before another environment than local is changed"
    )


def run(arguments: argparse.Namespace, out: Output) -> int:
    # `up` has more to say when it is interrupted: the engine goes on
    return _run(_Deploying(arguments, out), out, getattr(arguments, "also_interrupted", None))


def resume(run: str, arguments: argparse.Namespace, out: Output, *, accepts: str | None = None) -> int:
    """Go on with a run (empty: the only one), for another verb; a lock that somebody has is not waited for.

    `accepts`: somebody has decided that what it deployed is good, and says why (or nothing).
    """
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["--resume", *([run] if run else [])]
    if arguments.timeout is not None:
        words += ["--timeout", arguments.timeout]
    wanted = parser.parse_args(words, argparse.Namespace(env=arguments.env))
    return _run(_Deploying(wanted, out, waits=False, accepts=accepts), out)


def _run(deploying: _Deploying, out: Output, also: Callable[[list[str]], list[str]] | None = None) -> int:
    from fairway.cli.interrupted import left_behind, say_interrupted, terminable  # noqa: PLC0415 - what a verb needs

    with terminable():
        try:
            return deploying.run()
        except KeyboardInterrupt as error:
            going, lines = left_behind(deploying.begun, deploying.keys, deploying.environment)
            return say_interrupted(out, error, going, lines if also is None else also(lines))


class _Deploying:
    def __init__(
        self, arguments: argparse.Namespace, out: Output, *, waits: bool = True, accepts: str | None = None
    ) -> None:
        """`waits`: a resumed run waits for the locks of a process that is gone; `accepts`: why what it deployed is good."""
        self._arguments = arguments
        self._out = out
        self._waits = waits
        self._accepts = accepts
        self.environment = arguments.env
        """--env as it was given."""
        self._place: Place
        self._project: Project
        self._choices: Choices
        self._selection: Selection
        self._timeout: float | None = None
        self._by_tag: frozenset[str] = frozenset()
        """With --plan: images that the plan names by tag, since nobody had pushed them yet."""
        self.keys: tuple[str, ...] = ()
        """Of the services that are deployed."""
        self._given = Given()
        self.begun: Pipeline | None = None
        """None: nothing may have been changed yet."""

    def run(self) -> int:
        from fairway.cli.changed import narrow  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.cli.where import Named, connect_to  # noqa: PLC0415
        from fairway.deployment.pin import settle  # noqa: PLC0415
        from fairway.deployment.release import make_release  # noqa: PLC0415
        from fairway.project.load import load_project  # noqa: PLC0415

        self._read_arguments()
        self._project = load_project(Path.cwd(), self._arguments.env, is_needed=True)
        if self._arguments.resume is not None:
            return self._resume()
        choices = narrow(self._choices, self._arguments.changed_since, self._project)
        if choices is None:
            since = self._arguments.changed_since
            self._out.text(f"nothing that a service is made of has changed since {since}: nothing to deploy")
            return 0
        self._choices = choices
        release = make_release(self._project, choices)
        self.keys = tuple(item.key for item in release.services)
        named = [Named(item.key, item.name) for item in release.services]
        self._place = connect_to(self._project.environment, named, project=self._project)
        return self._deploy(settle(self._place.aws, self._project, release, by_tag=self._by_tag))

    def _read_arguments(self) -> None:
        from fairway.deployment.steps import choose_steps  # noqa: PLC0415 - only what a verb needs is imported

        arguments = self._arguments
        self._timeout = None if arguments.timeout is None else read_duration(arguments.timeout, "--timeout")
        self._choices = self._planned(read_choices(arguments))
        self._selection = choose_steps(
            only=arguments.only, skip=arguments.skip, start=arguments.start, until=arguments.until
        )

    def _planned(self, choices: Choices) -> Choices:
        """With --plan and no other words: what the plan was made by."""
        if self._arguments.plan is None:
            return choices
        if self._arguments.resume is not None:
            raise UsageError("--plan and --resume do not go together", hint="a run goes on as it was begun")
        from fairway.deployment.plan_file import planned_choices  # noqa: PLC0415 - only for this option

        wanted = planned_choices(Path(self._arguments.plan))
        self._by_tag = wanted.unpinned
        if choices.services or choices.tag or choices.tags or choices.images:
            return choices
        return replace(choices, services=wanted.services, tag=wanted.tag, tags=wanted.tags, images=wanted.images)

    def _check_plan(self, release: Release, pinned: Release) -> None:
        """With --plan: refuse whatever is not exactly as it was planned; `pinned` is the same as it is deployed."""
        if self._arguments.plan is None:
            return
        from fairway.aws.survey import survey  # noqa: PLC0415 - only for this option
        from fairway.deployment.plan_file import check_plan_file  # noqa: PLC0415

        families = [str(task.definition["family"]) for task in release.before]
        living = survey(self._place.observer, [item.name for item in release.services], families)
        check_plan_file(Path(self._arguments.plan), release, living, self._place.environment.name, pinned=pinned)

    def _say_unchanged(self, prepared: Prepared, names: Mapping[str, str]) -> None:
        for key, serving in prepared.unchanged.items():
            label = "" if serving is None else serving.label()
            reason = f"nothing differs from {label}, which serves: no deployment (--force begins one)"
            if key in prepared.proves:
                reason += "; nobody has verified it: that is done now"
            elif serving is not None and serving.verdict is None:
                reason += "; nobody has verified it, and these steps do not"
            self._out.text(f"{key}: {reason}")
            arn = None if serving is None else serving.arn
            self._out.event("unchanged", service=names[key], task_definition=arn, reason=reason)

    def _deploy(self, planned: Release) -> int:
        from fairway.cli.ci import ci_address  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.deployment.pin import pin_images  # noqa: PLC0415
        from fairway.deployment.pipeline import begin_journal  # noqa: PLC0415
        from fairway.deployment.prepare import prepare  # noqa: PLC0415
        from fairway.deployment.steps import Step  # noqa: PLC0415

        place, out = self._place, self._out
        whole = pin_images(place.aws, planned) if self._by_tag else planned
        self._check_plan(planned, whole)
        prepared = prepare(
            self._project, place.observer, whole, self._selection, force=self._arguments.force, ci=ci_address()
        )
        self._say_unchanged(prepared, {item.key: item.name for item in whole.services})
        release, living, origin = prepared.release, prepared.living, prepared.origin
        if not release.services:
            out.event("finished", at=place.aws.now(), exit_code=0)
            return 0
        self.keys = tuple(item.key for item in release.services)
        if prepared.deploys_nothing:
            self._selection = self._selection.only_looking()
        elif not self._is_to_be(prepared):
            out.text("nothing was changed")
            return 0
        if Step.REGISTER in self._selection and self._build(release):
            release = pin_images(place.aws, release)
        # until the locks are held somebody else may deploy: a plan is held against what lives once more
        options = replace(self._options(origin.one_way), on_locked=lambda: self._check_plan(planned, whole))
        context = self._context(origin)
        journal = replace(
            begin_journal(context, self._project, release, self._choices, options, living, prepared.proves),
            urgent=self._given.urgent,
            confirmed=tuple(item.document() for item in self._given.confirmed),
        )
        return self._go(context, release, journal, options)

    def _is_to_be(self, prepared: Prepared) -> bool:
        """Lint, checks and whoever is asked agree.

        Raises:
            UsageError: lint or a check does not.
        """
        from fairway.cli.confirm import confirm  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.cli.linted import refuse_errors  # noqa: PLC0415
        from fairway.deployment.steps import Step  # noqa: PLC0415

        release, living, environment = prepared.release, prepared.living, self._place.environment
        if Step.LINT in self._selection:
            refuse_errors(self._project)
        self._given = check_before(
            self._arguments, self._out, self._project, self._place, release, living, self._selection
        )
        if environment.is_local:
            return True
        question = f"Deploy to {environment.name} (account {environment.account})?"
        return confirm(self._out, self._intended(prepared), question, yes=self._arguments.yes)

    def _resume(self) -> int:
        """Go on with a run, as far as ECS says that it is."""
        from fairway.checks.checklist import Confirmed  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.cli.where import Named, connect_to  # noqa: PLC0415
        from fairway.deployment.journal import Journals, check_resumed  # noqa: PLC0415
        from fairway.deployment.pin import settle  # noqa: PLC0415
        from fairway.deployment.register import Origin  # noqa: PLC0415
        from fairway.deployment.release import Choices, make_release  # noqa: PLC0415
        from fairway.deployment.steps import Selection, Step  # noqa: PLC0415

        self._place = connect_to(self._project.environment, (), project=self._project)
        journal = Journals(self._place.aws, self._place.environment.cluster).find(self._arguments.resume or None)
        check_resumed(journal, self._choices)
        if self._accepts is not None and not journal.is_deployed:
            raise UsageError(
                f"run {journal.run} has not deployed to its end: there is nothing to accept yet",
                hint=command(f"deploy --resume {journal.run}", self.environment),
            )
        choices = Choices(journal.services, journal.tag, journal.tags, journal.images, self._choices.sets)
        release = make_release(self._project, choices)
        self.keys = tuple(item.key for item in release.services)
        named = [Named(item.key, item.name) for item in release.services]
        self._place = connect_to(self._project.environment, named, project=self._project)
        self._given = Given(tuple(map(Confirmed.read, journal.confirmed)), journal.urgent)
        steps = frozenset(Step(name) for name in journal.steps)
        if journal.is_deployed:
            steps -= {Step.MIGRATE, Step.REGISTER, Step.SERVICES}
        self._selection = Selection(steps | {Step.LOCK, Step.RECORD, Step.UNLOCK})
        origin = Origin(journal.run, journal.by, release.version, journal.commit, one_way=journal.one_way)
        context = self._context(origin, is_resumed=True)
        self._out.text(f"run {journal.run}, begun {journal.began:%Y-%m-%d %H:%M:%S} by {journal.by}, goes on")
        release = settle(self._place.aws, self._project, release)
        return self._go(context, release, journal, self._options(journal.one_way))

    # -- what a run is given -----------------------------------------------------------------------------------------

    def _context(self, origin: Origin, *, is_resumed: bool = False) -> Context:
        from fairway.deployment.context import Context  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.deployment.progress import Silent  # noqa: PLC0415

        place = self._place
        return Context(
            place.observer, place.pace, Silent(), origin, timeout_seconds=self._timeout, is_resumed=is_resumed
        )

    def _options(self, one_way: tuple[str, ...]) -> Options:
        from fairway.deployment.pipeline import Options  # noqa: PLC0415 - only what a verb needs is imported

        arguments = self._arguments
        return Options(
            self._selection,
            gives_up=not arguments.no_give_up,
            take_over=arguments.take_over,
            despite_changes=arguments.force,
            rolls_back_over_time=arguments.on_timeout == "rollback",
            one_way=one_way,
            on_wait=self._wait if arguments.resume is not None and self._waits else None,
        )

    def _wait(self, name: str, holding: Holding, seconds: float) -> None:
        """Somebody who is gone still has the lock: wait until it expires."""
        from fairway.clock import sleep  # noqa: PLC0415 - only what a verb needs is imported

        self._out.counter(f"{name} is locked by run {holding.run} for {seconds:.0f} s more (unless it is renewed)")
        sleep(min(5.0, max(0.5, seconds)))

    # -- going -------------------------------------------------------------------------------------------------------

    def _go(self, context: Context, release: Release, journal: Journal, options: Options) -> int:
        from fairway.cli.deployed import Ended, conclude  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.cli.progress import telling  # noqa: PLC0415
        from fairway.clock import monotonic  # noqa: PLC0415
        from fairway.deployment.pipeline import Pipeline  # noqa: PLC0415
        from fairway.deployment.recorder import Recorder  # noqa: PLC0415

        place, out, environment = self._place, self._out, self._place.environment
        out.event(
            "started",
            run=context.origin.run,
            at=place.aws.now(),
            environment=environment.name,
            account=place.aws.caller()["Account"],
            region=environment.region,
            cluster=environment.cluster,
            services=[item.name for item in release.services],
            version=release.version,
            commit=context.origin.commit,
            by=context.origin.by,
            resumed=context.is_resumed,
        )
        title = f"{self._project.name} {release.version or ''} → {environment.cluster} ({environment.name})"
        out.text(out.paint(title, "bold"))
        for key in release.left_out:
            out.text(
                f"{key}: does not run: --image deploys exactly that image (with --tag T beside it, {key} runs with T)"
            )
        began = monotonic()
        with telling(out, place.aws, title=title) as listener:
            context.listener = recorder = Recorder(listener, place.aws)
            pipeline = Pipeline(context, self._project, release, journal, options)
            self.begun = pipeline
            result = pipeline.go() if self._accepts is None else pipeline.accept(self._accepts)
        ended = Ended(
            self._project,
            place,
            context.origin,
            result,
            journal.began,
            monotonic() - began,
            recorder.entries,
            self._given,
        )
        conclude(out, ended, created=context.begun.services, environment=self._arguments.env)
        return result.exit_code

    def _intended(self, prepared: Prepared) -> list[str]:
        release, one_way = prepared.release, prepared.origin.one_way
        lines = [f"{task.key}: runs once, first" for task in release.before]
        if one_way:
            lines.append(f"  {', '.join(one_way)} cannot be undone: if this release fails, nothing goes back by itself")
        for item in release.services:
            if item.key in prepared.proves:
                lines.append(f"{item.name}: serves this already, and is verified")
                continue
            images = ", ".join(str(container.get("image")) for container in item.definition["containerDefinitions"])
            service = prepared.living.get(item.name)
            now = "is created" if service is None else f"now {service.task_definition.rsplit('/', 1)[-1]}"
            lines.append(f"{item.name}: {images} ({now})")
        return lines

    def _build(self, release: Release) -> bool:
        """Locally, an image that the registry lacks is built first, and said so; True: something was built."""
        if not self._place.environment.is_local:
            return False
        from fairway.aws.images import missing_images  # noqa: PLC0415 - only what a verb needs is imported

        items: list[ServiceRelease | OneOff | ScheduledRelease] = [
            *release.services,
            *release.before,
            *release.scheduled,
        ]
        wanted = {item.key: _unnamed(item.definition, release.images) for item in items if item.tag is not None}
        sources = {key: spec.image for key, spec in self._project.services.items()}
        sources |= {key: spec.image for key, spec in self._project.tasks.items()}
        sources |= {key: spec.image for key, spec in self._project.scheduled.items()}
        missing = missing_images(self._place.aws, wanted)
        keys = [key for key in missing if sources[key] is not None]
        if not keys:
            return False
        self._out.text(f"not in the registry, built first: {', '.join(missing[key] for key in keys)}")
        self._out.event("building", services=keys, images=[missing[key] for key in keys])
        # the tool installs without the engine, and then nothing can be built here
        build: Any = importlib.import_module("fairway.cli.build")
        for tag in sorted({item.tag for item in items if item.tag is not None and item.key in keys}):
            of = [item.key for item in items if item.tag == tag and item.key in keys]
            build.build_images(self._project, self._place.aws, self._out, tag=tag, keys=of)
        return True


def _unnamed(definition: Mapping[str, Any], named: frozenset[str]) -> dict[str, Any]:
    """The definition without containers whose image was named: that one is deployed as it is, never built."""
    containers = [item for item in definition["containerDefinitions"] if item.get("image") not in named]
    return {**definition, "containerDefinitions": containers}
