"""`fairway check`: whether what a deployment needs is there. Reads AWS, writes nothing."""

from __future__ import annotations

import textwrap
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairway.cli.checked import add_check_arguments, answer_checklist, counts_of, document_of, read_urgent
from fairway.cli.choices import add_release_arguments, read_choices

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from fairway.checks.checklist import Checklist
    from fairway.checks.finding import Finding
    from fairway.cli.output import Output
    from fairway.cli.where import Place
    from fairway.deployment.check import Checked
    from fairway.project.model import Project

EXAMPLES: Final = """  fairway check --tag v2 --env production            everything that the release needs
  fairway check api --tag v2
  fairway check --tag v2 --strict                    warnings count as well
  fairway check --tag v2 --confirm reviewed          how the checklist would stand

Secrets and parameters are looked for, never read. What a role may not read is `not checked`, never a failure. On `local` what
a laptop has not by design is left out: IAM, the network of EC2, scans, quotas. `deploy` does the same before it begins.

Exit code 0: nothing fails; 2: something does, or with --strict warns.
"""
_FAILED: Final = 2
_COLOURS: Final = {"failed": "red", "warning": "yellow", "not_checked": "blue", "ok": "green"}
_WORDS: Final = {"failed": "failed", "warning": "warning", "not_checked": "not checked", "ok": "ok"}
_NARROWEST: Final = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_release_arguments(parser)
    add_check_arguments(parser)
    parser.add_argument("--strict", action="store_true", help="warnings count as well: exit code 2")


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.aws.observe import ServiceNotFound  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.cli.changed import narrow  # noqa: PLC0415
    from fairway.cli.where import Named, connect_to  # noqa: PLC0415
    from fairway.deployment.check import check  # noqa: PLC0415
    from fairway.deployment.pin import settle  # noqa: PLC0415
    from fairway.deployment.pipeline import check_release  # noqa: PLC0415
    from fairway.deployment.release import make_release  # noqa: PLC0415
    from fairway.project.load import load_project  # noqa: PLC0415

    project = load_project(Path.cwd(), arguments.env, is_needed=True)
    urgent = read_urgent(arguments)
    choices = narrow(read_choices(arguments), arguments.changed_since, project)
    if choices is None:
        out.text(f"nothing that a service is made of has changed since {arguments.changed_since}: nothing to check")
        return 0
    release = make_release(project, choices)
    named = [Named(item.key, item.name) for item in release.services]
    place = connect_to(project.environment, named, project=project)
    release = settle(place.aws, project, release)
    try:
        living = check_release(place.observer, release)
    except ServiceNotFound:
        living = {}  # there is no such cluster, which is the first finding
    checked = check(project, place.observer, release, living, urgent=urgent)
    checklist = answer_checklist(arguments, project, place, checked.findings)
    grave = {"failed", "warning"} if arguments.strict else {"failed"}
    code = _FAILED if any(item.state in grave for item in checked.findings) or checklist.failed else 0
    _print_text(out, project, checked.findings, checklist)
    _say_left_out(out, checked)
    _print_json(out, project, place, checked, checklist, code)
    return code


def _print_text(out: Output, project: Project, findings: Sequence[Finding], checklist: Checklist) -> None:
    environment = project.environment
    out.text(out.paint(f"{project.name} → {environment.cluster} ({environment.name})", "bold"))
    for state, items in groupby(findings, key=lambda item: item.state):
        for item in items:
            word = out.paint(f"{_WORDS[state]:<11}", _COLOURS[state])
            _wrapped(out, f"{word}  {item.code:<19} ", f"{item.subject}: {item.text}")
            if item.remedy:
                _wrapped(out, " " * 13, f"→ {item.remedy}")
    if checklist.confirmed or checklist.open or checklist.failed:
        out.text()
        out.text(out.paint("checklist", "bold"))
    for name in checklist.failed:
        out.text(f"{out.paint('failed     ', 'red')}  {name.title} ({name.name}): {', '.join(name.checks)}")
    for name in checklist.open:
        _wrapped(out, "open         ", f"{name.title} ({name.name}): deploy asks, or takes --confirm {name.name}")
    for said in checklist.confirmed:
        text = f": {said.text}" if said.text else ""
        _wrapped(out, f"{out.paint('ok         ', 'green')}  ", f"{said.title} ({said.name}), by {said.how}{text}")
    counts = counts_of(findings)
    out.text()
    out.text(
        f"{counts['failed']} failed, {counts['warning']} warnings, {counts['not_checked']} not checked, {counts['ok']} ok"
        + (f"; {len(checklist.open)} of the checklist open" if checklist.open else "")
    )


def _wrapped(out: Output, head: str, text: str) -> None:
    """`head` may hold colours, and is as wide as the indent of what follows, or wider."""
    lines = textwrap.wrap(text, max(out.width - 13, _NARROWEST), break_on_hyphens=False, break_long_words=False)
    for number, line in enumerate(lines):
        out.text(head + line if number == 0 else " " * 15 + line)


def _say_left_out(out: Output, checked: Checked) -> None:
    from fairway.checks.registry import CHECKS  # noqa: PLC0415 - only what a verb needs is imported

    left = {code: check.laptop for code, check in CHECKS.items() if code not in checked.codes}
    if left:
        _wrapped(out, "", f"left out on local, by design: {', '.join(f'{code} ({why})' for code, why in left.items())}")


def _print_json(out: Output, project: Project, place: Place, checked: Checked, checklist: Checklist, code: int) -> None:
    from fairway.checks.registry import CHECKS  # noqa: PLC0415 - only what a verb needs is imported

    environment = project.environment
    for item in checked.findings:
        out.event("check", **document_of(item))
    for said in checklist.confirmed:
        out.event("checklist", state="confirmed", **said.document())
    for state, items in (("open", checklist.open), ("failed", checklist.failed)):
        for point in items:
            out.event("checklist", state=state, name=point.name, title=point.title)
    out.event(
        "checked",
        environment=environment.name,
        account=place.aws.caller()["Account"],
        region=environment.region,
        cluster=environment.cluster,
        **counts_of(checked.findings),
        open=[item.name for item in checklist.open],
        left_out=sorted(set(CHECKS) - checked.codes),
        exit_code=code,
    )
