"""`fairway lint`: what in definitions and scripts ECS would refuse, or would take otherwise than it reads. Offline."""

from __future__ import annotations

import json
import sys
import textwrap
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairway.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from fairway.cli.output import Output
    from fairway.lint.finding import Finding, Rule
    from fairway.lint.sources import Result

EXAMPLES: Final = """  fairway lint                              the project, in all its environments
  fairway lint --env production             the project, as it is deployed there
  fairway lint ecs/ .github/workflows       files and folders of any origin; needs no project and no credentials
  aws ecs describe-services --cluster C --services S | fairway lint -
  fairway lint --format github              annotations in a GitHub workflow
  fairway lint --explain moving-tag         why, source and an example; without a code: all codes

Known by their content: task definitions, services, clusters, target groups, load balancers, scaling targets and policies,
alarms (for the AWS CLI, or as a describe call answered them), AppSpec files; shell scripts and CI steps that call the AWS
CLI; Python with boto3 or hook functions; Markdown with such blocks. CloudFormation is not read.

A finding is ignored by its code and a reason: in YAML, TOML, shell and Python by a comment on its line or the one before,
`# fairway: ignore CODE reason`; for JSON by fairway.toml:
  [lint]
  ignore = [{ code = "CODE", path = "deploy/*.json", reason = "why" }]

Exit code 0: no errors; 2: errors, or with --strict warnings.
"""
_FORMATS: Final = ("text", "json", "github")
_COLOURS: Final = {"error": "red", "warning": "yellow", "info": "blue"}
_GITHUB: Final = {"error": "error", "warning": "warning", "info": "notice"}
_SHOWN: Final = 12
"""Skipped files that text names."""
_NARROWEST: Final = 40
_FAILED: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files or folders; - is standard input (default: the project)"
    )
    parser.add_argument("--format", choices=_FORMATS, help="text (default), json (as --json), github (annotations)")
    parser.add_argument("--strict", action="store_true", help="warnings count as well: exit code 2")
    parser.add_argument(
        "--explain",
        nargs="?",
        const="",
        metavar="CODE",
        help="why a rule is, its source and an example; without a code: all",
    )


def run(arguments: argparse.Namespace, out: Output) -> int:
    if arguments.format not in {None, "json"} and out.as_json:
        raise UsageError(f"--json and --format {arguments.format} are two formats", hint="leave one of them out")
    out.as_json = out.as_json or arguments.format == "json"
    if arguments.explain is not None:
        return _explain(arguments.explain, out)
    result = _lint(arguments)
    failed = _has_failed(result, strict=arguments.strict)
    if out.as_json:
        _print_json(result, out, failed=failed)
    elif arguments.format == "github":
        _print_github(result, out)
    else:
        _print_text(result, out)
    return _FAILED if failed else 0


def _lint(arguments: argparse.Namespace) -> Result:
    from fairway.lint.project import environments_of, lint_environments  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.lint.sources import lint_paths  # noqa: PLC0415
    from fairway.project.load import FILE, find_project_file, load_environment  # noqa: PLC0415

    if arguments.paths:
        if arguments.env is not None:
            raise UsageError("--env is for the project, and PATH names other files", hint="leave one of them out")
        named = [word for word in arguments.paths if Path(word).name == FILE or Path(word).suffix == ".toml"]
        if named:
            raise UsageError(f"{named[0]} is a file of a project", hint=f"go to its folder: fairway lint reads {FILE}")
        try:
            project_file = find_project_file(Path.cwd())
        except UsageError:
            project_file = None
        return lint_paths(arguments.paths, sys.stdin.buffer.read, project_file=project_file)
    file = find_project_file(Path.cwd(), is_needed=True)
    if arguments.env is not None:
        load_environment(file, arguments.env)
        return lint_environments(file, [arguments.env], is_all=False)
    names = environments_of(file.parent)
    if not names:
        raise UsageError(f"{file.parent} has no environments", hint="add deploy/environments/NAME.toml")
    return lint_environments(file, names, is_all=True)


def _has_failed(result: Result, *, strict: bool) -> bool:
    grave = {"error", "warning"} if strict else {"error"}
    return any(item.severity in grave for item in result.findings)


def _count(result: Result, severity: str) -> int:
    return sum(item.severity == severity for item in result.findings)


# -- text --------------------------------------------------------------------------------------------------------------


def _print_text(result: Result, out: Output) -> None:
    width = max(out.width, _NARROWEST)
    explained: set[str] = set()
    for path, findings in groupby(result.findings, key=lambda item: item.place.path):
        out.text(out.paint(path, "bold"))
        for item in findings:
            _print_finding(item, out, width, is_explained=item.code in explained)
            explained.add(item.code)
        out.text()
    for name, why in result.skipped[:_SHOWN]:
        _print_wrapped(f"skipped: {name}: {why}", "  ", width, out)
    if len(result.skipped) > _SHOWN:
        out.text(f"skipped: {len(result.skipped) - _SHOWN} others (--json names all)")
    out.text(_summary(result))


def _print_finding(item: Finding, out: Output, width: int, *, is_explained: bool) -> None:
    """A finding; its rule's why and source where the rule finds its first."""
    head = f"  {item.place.line:>4}  {out.paint(str(item.severity), _COLOURS[item.severity])}  {item.code}"
    where = f" (in {', '.join(item.environments)})" if item.environments else ""
    out.text(head + where)
    _print_wrapped(item.message, "        ", width, out)
    _print_wrapped(f"→ {item.remedy}", "        ", width, out, hanging="  ")
    if not is_explained:
        _print_wrapped(f"why: {item.why}", "        ", width, out, hanging="  ")
        _print_wrapped(f"source: {item.source}", "        ", width, out, hanging="  ")


def _print_wrapped(text: str, indent: str, width: int, out: Output, *, hanging: str = "") -> None:
    lines = textwrap.wrap(
        " ".join(text.split()), width, initial_indent=indent, subsequent_indent=indent + hanging, break_on_hyphens=False
    )
    for line in lines:
        out.text(line)


def _summary(result: Result) -> str:
    counts = [
        _counted(_count(result, "error"), "error"),
        _counted(_count(result, "warning"), "warning"),
        _counted(_count(result, "info"), "note"),
    ]
    text = f"{', '.join(counts)} in {_counted(result.files, 'file')}"
    if result.ignored:
        text += f"; {result.ignored} ignored with a reason"
    return text


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# -- for programs ------------------------------------------------------------------------------------------------------


def _print_json(result: Result, out: Output, *, failed: bool) -> None:
    for item in result.findings:
        out.event(
            "finding",
            code=item.code,
            severity=str(item.severity),
            path=item.place.path,
            line=item.place.line,
            field=item.field,
            message=item.message,
            why=item.why,
            remedy=item.remedy,
            source=item.source,
            environments=list(item.environments),
        )
    for name, why in result.skipped:
        out.event("skipped", path=name, reason=why)
    out.event(
        "linted",
        errors=_count(result, "error"),
        warnings=_count(result, "warning"),
        notes=_count(result, "info"),
        ignored=result.ignored,
        files=result.files,
        exit_code=_FAILED if failed else 0,
    )


def _print_github(result: Result, out: Output) -> None:
    for item in result.findings:
        text = _escaped(f"{item.message}\n→ {item.remedy}")
        path = _escaped(item.place.path, is_property=True)
        title = _escaped(item.code, is_property=True)
        out.text(f"::{_GITHUB[item.severity]} file={path},line={item.place.line},title={title}::{text}")
    out.text(_summary(result))


def _escaped(text: str, *, is_property: bool = False) -> str:
    """As GitHub's workflow commands want it."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if is_property else text


# -- explaining --------------------------------------------------------------------------------------------------------


def _explain(code: str, out: Output) -> int:
    from fairway.lint.registry import FAMILIES, RULES  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.project.text import did_you_mean  # noqa: PLC0415

    if code and code not in RULES:
        hint = did_you_mean(code, RULES)
        raise UsageError(
            f"there is no rule {code!r}",
            hint=hint if hint.startswith("did you mean") else "fairway lint --explain lists them",
        )
    for family, rules in FAMILIES.items():
        chosen = [rule for rule in rules if code in {"", rule.code}]
        if not code:
            out.text(out.paint(family, "bold"))
        for rule in chosen:
            out.document(_as_document(rule))
            if code:
                _print_rule(rule, out)
            else:
                out.text(f"  {rule.code:<28}{rule.severity:<9}{rule.title}")
    return 0


def _as_document(rule: Rule) -> dict[str, object]:
    return {
        "rule": rule.code,
        "severity": str(rule.severity),
        "title": rule.title,
        "why": rule.why,
        "remedy": rule.remedy,
        "source": rule.source,
        "practice": rule.practice,
        "example": rule.example,
        "better": rule.better,
    }


def _print_rule(rule: Rule, out: Output) -> None:
    width = max(out.width, _NARROWEST)
    out.text(f"{out.paint(rule.code, 'bold')}  {rule.severity}: {rule.title}")
    out.text()
    _print_wrapped(rule.why, "", width, out)
    out.text()
    _print_wrapped(f"→ {rule.remedy}", "", width, out, hanging="  ")
    _print_wrapped(f"source: {rule.source}", "", width, out, hanging="  ")
    for title, text in (("is found in:", rule.example), ("is not found in:", rule.better)):
        out.text()
        out.text(title)
        for line in _laid_out(text).split("\n"):
            out.text(f"    {line}".rstrip())


def _laid_out(text: str) -> str:
    """An example of JSON on several lines, where one would be too long."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text.replace("\r", "\\r").replace("\ufeff", "\\ufeff")
