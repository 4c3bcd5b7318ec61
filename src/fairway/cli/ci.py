"""When this is a CI job: its address stands in the account beside the verdict, and the job says how it ended."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairway.deployment.report import summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.cli.output import Output


def ci_address() -> str | None:
    """The page of the CI run; None: this is none, or one that does not say."""
    if os.environ.get("GITHUB_RUN_ID"):
        server, repository = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_REPOSITORY", "")
        return f"{server}/{repository}/actions/runs/{os.environ['GITHUB_RUN_ID']}" if server and repository else None
    for name in ("CI_JOB_URL", "BUILD_URL", "CIRCLE_BUILD_URL", "BUILDKITE_BUILD_URL"):
        if os.environ.get(name):
            return os.environ[name]
    return None


def markdown(report: Mapping[str, Any]) -> str:
    """A report as the summary of a CI job. Pure."""
    rows = [
        f"| {_cell(key)} | {_cell(item.get('task_definition'))} | {_cell(item.get('outcome'))} | {_cell(item.get('reason'))} |"
        for key, item in report["services"].items()
    ]
    rows += [
        f"| {_cell(key)} | | {_cell(found['health'])} | {_cell(found['text'])} |"
        for findings in (report["verified"], report["watched"])
        for key, found in findings.items()
    ]
    mark = "✅" if report["exit_code"] == 0 else "❌"
    head = f"### {mark} {report['project']} {report['version'] or ''} → {report['cluster']}: {report['verdict']}"
    return "\n".join([head, "", "| service | revision | outcome | why |", "|---|---|---|---|", *rows, ""])


def _cell(value: object) -> str:
    return str(value or "").replace("|", "\\|").replace("\n", " ")


def tell_ci(out: Output, report: Mapping[str, Any]) -> None:
    """On GitHub: the job's summary, and an annotation when it failed. Elsewhere nothing."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        try:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(markdown(report))
        except OSError as error:
            out.note(f"the job's summary could not be written: {error}")
    if os.environ.get("GITHUB_ACTIONS") == "true" and report["exit_code"] != 0:
        # workflow commands: a line end and a percent sign have a meaning
        text = summary(report).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        out.text(f"::error title=deployment of {report['project']}::{text}")
