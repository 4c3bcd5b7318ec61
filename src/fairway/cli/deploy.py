"""`fairway deploy`: register revisions, update services, follow what this began to its end."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairway.cli.choices import read_duration, read_image, read_set

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from fairway.cli.output import Output
    from fairway.cli.where import Place
    from fairway.deployment.deploy import Result
    from fairway.deployment.release import Release
    from fairway.observed import Service
    from fairway.project.model import Project

EXAMPLES: Final = """  fairway deploy api --tag v2                     the service api, images with tag v2
  fairway deploy --tag v2                         every service, in their order
  fairway deploy api --image api=REPOSITORY:v2    another image for one container
  fairway deploy api --tag v2 --set api:LOG_LEVEL=DEBUG
  fairway deploy --tag v2 --env production --yes  without a question, for CI
"""
INTERRUPTED: Final = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="services of the project (default: all)")
    parser.add_argument("--tag", metavar="T", help="put in for {{ tag }} in the images")
    parser.add_argument(
        "--image", action="append", default=[], metavar="[CONTAINER=]I", help="another image for a container"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SERVICE[/CONTAINER]:KEY=VALUE",
        help="an environment variable of a container",
    )
    parser.add_argument(
        "--timeout", metavar="TIME", help="stop waiting after this time (15m); ECS goes on, exit code 6"
    )
    parser.add_argument(
        "--yes", action="store_true", help="do not ask before another environment than local is changed"
    )


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.cli.where import Named, connect_to  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.deployment.release import Choices, make_release, resolve_release  # noqa: PLC0415
    from fairway.project.load import load_project  # noqa: PLC0415

    timeout = None if arguments.timeout is None else read_duration(arguments.timeout, "--timeout")
    choices = Choices(
        services=tuple(arguments.services),
        tag=arguments.tag,
        images=tuple(read_image(text) for text in arguments.image),
        sets=tuple(read_set(text) for text in arguments.set),
    )
    project = load_project(Path.cwd(), arguments.env)
    release = make_release(project, choices)
    named = [Named(item.key, item.name) for item in release.services]
    place = connect_to(project.environment, named, project=project)
    return _Deploying(place, project, out, timeout).run(resolve_release(place.aws, release), yes=arguments.yes)


class _Deploying:
    def __init__(self, place: Place, project: Project, out: Output, timeout: float | None) -> None:
        self._place = place
        self._project = project
        self._out = out
        self._timeout = timeout

    def run(self, release: Release, *, yes: bool) -> int:
        from fairway.cli.commit import commit_of  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.cli.confirm import confirm  # noqa: PLC0415
        from fairway.cli.progress import telling  # noqa: PLC0415
        from fairway.clock import monotonic  # noqa: PLC0415
        from fairway.deployment.deploy import Run  # noqa: PLC0415
        from fairway.deployment.progress import Silent  # noqa: PLC0415
        from fairway.deployment.register import Origin, run_id  # noqa: PLC0415

        place, out, environment = self._place, self._out, self._place.environment
        origin = Origin(run_id(place.aws.now()), place.aws.caller_arn(), release.version, commit_of(self._project.root))
        living = Run(place.observer, place.pace, Silent(), origin).check(release)
        lines = self._intended(release, living)
        if not environment.is_local and not confirm(
            out, lines, f"Deploy to {environment.name} (account {environment.account})?", yes=yes
        ):
            out.text("nothing was changed")
            return 0
        self._build(release)
        out.event(
            "started",
            run=origin.run,
            at=place.aws.now(),
            environment=environment.name,
            account=place.aws.caller()["Account"],
            region=environment.region,
            cluster=environment.cluster,
            services=[item.name for item in release.services],
            version=release.version,
            commit=origin.commit,
            by=origin.by,
        )
        title = f"{self._project.name} {release.version or ''} → {environment.cluster} ({environment.name})"
        out.text(out.paint(title, "bold"))
        began = monotonic()
        try:
            with telling(out, place.aws, title=title) as listener:
                run = Run(place.observer, place.pace, listener, origin, timeout_seconds=self._timeout)
                run.check(release)
                result = run.go(release)
        except KeyboardInterrupt:
            return self._interrupted(release)
        self._report(result, monotonic() - began)
        return result.exit_code

    def _intended(self, release: Release, living: Mapping[str, Service]) -> list[str]:
        lines = [f"{task.key}: runs once, first" for task in release.before]
        for item in release.services:
            images = ", ".join(str(container.get("image")) for container in item.definition["containerDefinitions"])
            service = living.get(item.name)
            now = "is created" if service is None else f"now {service.task_definition.rsplit('/', 1)[-1]}"
            lines.append(f"{item.name}: {images} ({now})")
        return lines

    def _build(self, release: Release) -> None:
        """Locally, an image that the registry lacks is built first, and said so."""
        if not self._place.environment.is_local or release.version is None:
            return
        from fairway.aws.images import missing_images  # noqa: PLC0415 - only what a verb needs is imported

        wanted = {item.key: item.definition for item in release.services}
        wanted |= {item.key: item.definition for item in release.before}
        sources = {key: spec.image for key, spec in self._project.services.items()}
        sources |= {key: spec.image for key, spec in self._project.tasks.items()}
        missing = missing_images(self._place.aws, wanted)
        keys = [key for key in missing if sources[key] is not None]
        if not keys:
            return
        self._out.text(f"not in the registry, built first: {', '.join(missing[key] for key in keys)}")
        self._out.event("building", services=keys, images=[missing[key] for key in keys])
        # the tool installs without the engine, and then nothing can be built here
        build: Any = importlib.import_module("fairway.cli.build")
        build.build_images(self._project, self._place.aws, self._out, tag=release.version, keys=keys)

    # -- the end -----------------------------------------------------------------------------------------------------

    def _report(self, result: Result, seconds: float) -> None:
        from fairway.cli.failure import explain  # noqa: PLC0415 - only what a verb needs is imported

        out = self._out
        self._report_one_off(result)
        for key, item in result.followed.items():
            assert item.outcome is not None
            if item.outcome.exit_code in {4, 5} and item.picture is not None:
                explain(out, self._place.observer, item.picture, key)
        for key, error in result.refused.items():
            out.text(out.paint(f"{key}: {error.message}", "red"))
        out.text()
        for key, item in result.followed.items():
            assert item.outcome is not None
            out.text(f"{key}: {item.target.label()}: {item.outcome.text}")
            self._advise(key, item.outcome.exit_code)
        for key, outcome in result.went_back.items():
            out.text(f"{key}: taken back, because a later service failed: {outcome.text}")
        for key, why in result.kept.items():
            out.text(f"{key}: stays as deployed: {why}")
        for key in result.not_started:
            out.text(f"{key}: was not started, and is unchanged")
        word = "deployed" if result.exit_code == 0 else "not deployed"
        out.text(out.paint(f"{word} in {seconds:.0f} s", "green" if result.exit_code == 0 else "red"))
        out.event(
            "finished",
            at=self._place.aws.now(),
            exit_code=result.exit_code,
            seconds=round(seconds, 1),
            services={key: str(item.outcome.ending) for key, item in result.followed.items() if item.outcome},
            refused={key: error.message for key, error in result.refused.items()},
            taken_back={key: str(outcome.ending) for key, outcome in result.went_back.items()},
            kept=dict(result.kept),
            not_started=list(result.not_started),
        )

    def _report_one_off(self, result: Result) -> None:
        failed = result.one_off
        if failed is None:
            return
        from fairway.deployment.one_off import where_lines_are  # noqa: PLC0415 - only for this failure

        out = self._out
        out.text()
        out.text(out.paint(f"{failed.key} failed: {failed.text}; no service was changed", "red"))
        if failed.lines:
            out.text(f"  last lines of {failed.key}:")
            for line in failed.lines:
                out.text(f"    | {line}")
        else:
            where = where_lines_are(failed.definition)
            out.text(f"  no log lines{': ' + where if where else ': it wrote nothing, or never started'}")

    def _advise(self, key: str, exit_code: int) -> None:
        if exit_code == 6:  # noqa: PLR2004 - handed over
            self._out.text(f"  → go on watching: fairway watch {key}; go back: fairway rollback {key}")
        elif exit_code == 5:  # noqa: PLR2004 - not rolled back
            self._out.text(f"  → go back to the last known good: fairway rollback {key}")

    def _interrupted(self, release: Release) -> int:
        keys = [item.key for item in release.services]
        self._out.event("interrupted", exit_code=INTERRUPTED, services=keys)
        self._out.note("")
        self._out.note("interrupted: what was begun goes on at ECS")
        self._out.note(f"  → go on watching: {' ; '.join(f'fairway watch {key}' for key in keys)}")
        self._out.note(f"  → go back:        fairway rollback {' '.join(keys)}")
        return INTERRUPTED
