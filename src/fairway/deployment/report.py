"""The report of a deployment: one JSON document, and one page of HTML that needs nothing else. Pure.

It says what was deployed by whom, what happened when, on which numbers the verdict stands, and why. No value of a variable or a
secret stands in it.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from fairway.deployment.pipeline import Result
    from fairway.deployment.register import Origin
    from fairway.deployment.subject import Finding

VERSION: Final = 1
_WORDS: Final = {
    0: "deployed",
    1: "nothing decided",
    4: "failed, and rolled back",
    5: "failed, and not (wholly) rolled back",
    6: "inconclusive, held, or handed over while ECS goes on",
    7: "locked, aborted or superseded",
}
STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --bad: #c22; --good: #282; }
@media (prefers-color-scheme: dark) { :root { --bad: #f77; --good: #7d7; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0;
border-bottom: 1px solid var(--line); } pre, td.text { white-space: pre-wrap; overflow-wrap: anywhere; }
pre { border: 1px solid var(--line); padding: .5rem; } .bad { color: var(--bad); } .good { color: var(--good); }
time, .kind { white-space: nowrap; font-variant-numeric: tabular-nums; }
"""


def make_report(
    result: Result,
    origin: Origin,
    *,
    project: str,
    environment: Mapping[str, str | None],
    began: datetime,
    ended: datetime,
    seconds: float,
    timeline: Sequence[Mapping[str, Any]] = (),
    diagnoses: Mapping[str, Mapping[str, Any]] | None = None,
    confirmed: Sequence[Mapping[str, Any]] = (),
    urgent: str | None = None,
) -> dict[str, Any]:
    """The document. `environment`: name, account, region, cluster; `diagnoses`: by key, why a service failed.

    `confirmed`: points of the checklist, by whom, when and how; `urgent`: why it could not wait.
    """
    services = result.services
    shown: dict[str, Any] = {}
    for key, item in services.followed.items():
        shown[key] = {
            "service": item.service,
            "task_definition": item.target.name,
            "version": item.target.version,
            "service_deployment": item.deployment,
            "outcome": None if item.outcome is None else str(item.outcome.ending),
            "reason": None if item.outcome is None else item.outcome.text,
        }
    for key, error in services.refused.items():
        shown[key] = {"outcome": "refused", "reason": error.message}
    for key, outcome in services.went_back.items():
        shown[key] |= {"taken_back": str(outcome.ending), "taken_back_reason": outcome.text}
    for key, why in services.kept.items():
        shown.setdefault(key, {})["kept"] = why
    for key, definition in result.proved.items():
        shown.setdefault(key, {})
        shown[key] |= {"task_definition": definition.name, "version": definition.version, "outcome": "unchanged"}
        shown[key]["reason"] = "it served already, and nobody had verified it"
    for key in services.not_started:
        shown[key] = {"outcome": "not_started"}
    failed = result.one_off
    return {
        "report": VERSION,
        "run": origin.run,
        "project": project,
        **environment,
        "version": origin.version,
        "commit": origin.commit,
        "by": origin.by,
        "ci": origin.ci,
        "began": began.isoformat(timespec="seconds"),
        "ended": ended.isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "exit_code": result.exit_code,
        "verdict": verdict_of(result),
        "skipped": list(origin.skipped),
        "pending": [str(step) for step in result.pending],
        "one_way_migrations": list(origin.one_way),
        "urgent": urgent,
        "confirmed": [dict(item) for item in confirmed],
        "services": shown,
        "one_off_failed": None
        if failed is None
        else {"task": failed.key, "reason": failed.text, "last_lines": list(failed.lines)},
        "verified": _findings(result.verified),
        "watched": _findings(result.watched),
        "diagnoses": dict(diagnoses or {}),
        "timeline": [dict(entry) for entry in timeline],
    }


def verdict_of(result: Result) -> str:
    """In words."""
    if result.accepted:
        return f"deployed; {result.accepted}"
    if result.is_undecided:
        return "deployed, not decided"
    if result.exit_code == 0 and result.pending:
        return f"deployed; {' and '.join(str(step) for step in result.pending)} are left"
    return _WORDS.get(result.exit_code, "interrupted")


def summary(report: Mapping[str, Any]) -> str:
    """One sentence, for a chat."""
    what = f"{report['project']} {report['version'] or ''}".strip()
    names = ", ".join(report["services"])
    reasons = [
        f"{key}: {item['reason']}"
        for key, item in report["services"].items()
        if item.get("reason") and item.get("outcome") not in {None, "succeeded"}
    ]
    unwell = [
        f"{key}: {found['text']}"
        for findings in (report["verified"], report["watched"])
        for key, found in findings.items()
        if found["health"] != "healthy"
    ]
    failed = report["one_off_failed"]
    if failed is not None:
        reasons.insert(0, f"{failed['task']}: {failed['reason']}")
    head = (
        f"{what} → {report['cluster']} ({report['name']}): {report['verdict']} ({names}) in {report['seconds']:.0f} s"
    )
    return ". ".join([head, *reasons, *unwell])


def _findings(findings: Mapping[str, Finding]) -> dict[str, Any]:
    return {
        key: {"health": str(found.health), "text": found.text, "evidence": dict(found.evidence)}
        for key, found in findings.items()
    }


def render_html(report: Mapping[str, Any]) -> str:
    """The page. Whatever stands in the report is text, never markup."""
    good = report["exit_code"] == 0
    title = f"{report['project']} {report['version'] or ''} → {report['cluster']}"
    facts = [
        ("Run", report["run"]),
        ("Environment", f"{report['name']}, account {report['account'] or '?'}, {report['region']}"),
        ("By", report["by"]),
        ("Commit", report["commit"]),
        ("CI", report["ci"]),
        ("Began", report["began"]),
        ("Took", f"{report['seconds']:.0f} s"),
        ("Exit code", report["exit_code"]),
        ("Skipped steps", ", ".join(report["skipped"])),
        ("Migrations that cannot be undone", ", ".join(report["one_way_migrations"])),
        ("Urgent, because", report["urgent"]),
    ]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="{"good" if good else "bad"}"><strong>{escape(report["verdict"])}</strong></p>',
        table([], [[name, value] for name, value in facts if value not in {None, ""}]),
        "<h2>Services</h2>",
        table(
            ["Service", "Revision", "Outcome", "Reason"],
            [
                [key, item.get("task_definition"), item.get("outcome"), _reason(item)]
                for key, item in report["services"].items()
            ],
        ),
        *_checklist(report["confirmed"]),
        *_failed_one_off(report["one_off_failed"]),
        *_diagnoses(report["diagnoses"]),
        *_evidence("Verified", report["verified"]),
        *_evidence("Watched", report["watched"]),
        "<h2>Timeline</h2>",
        table(
            ["Time", "What", "Service", ""],
            [_entry(entry) for entry in report["timeline"]],
            problems=report["timeline"],
        ),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _reason(item: Mapping[str, Any]) -> str:
    back = item.get("taken_back_reason")
    said = [
        item.get("reason"),
        f"taken back: {back}" if back else None,
        f"stays: {item['kept']}" if "kept" in item else None,
    ]
    return "; ".join(text for text in said if text)


def _entry(entry: Mapping[str, Any]) -> list[Any]:
    return [entry["at"][11:19], entry["kind"], entry["service"], entry["text"]]


def _checklist(confirmed: Sequence[Mapping[str, Any]]) -> list[str]:
    if not confirmed:
        return []
    rows = [[item["title"], item["how"], item["by"], item["at"], item["text"]] for item in confirmed]
    return ["<h2>Checklist</h2>", table(["Point", "Answered by", "Who", "When", ""], rows)]


def _failed_one_off(failed: Mapping[str, Any] | None) -> list[str]:
    if failed is None:
        return []
    lines = "\n".join(failed["last_lines"])
    return [f'<h2 class="bad">{escape(failed["task"])}: {escape(failed["reason"])}</h2>', f"<pre>{escape(lines)}</pre>"]


def _diagnoses(diagnoses: Mapping[str, Mapping[str, Any]]) -> list[str]:
    parts = []
    for key, diagnosis in diagnoses.items():
        parts.append(
            f'<h2 class="bad">Why {escape(key)} failed</h2><p>{escape(str(diagnosis.get("headline", "")))}</p>'
        )
        for cause in diagnosis.get("causes", ()):
            parts.append(f"<p><strong>{escape(str(cause.get('title', '')))}</strong></p>")
            facts = [
                *cause.get("facts", ()),
                f"likely cause: {cause.get('likely', '')}",
                f"to do: {cause.get('remedy', '')}",
            ]
            parts.append("<ul>" + "".join(f"<li>{escape(str(fact))}</li>" for fact in facts) + "</ul>")
            log = cause.get("log")
            if log:
                parts.append(f"<pre>{escape(chr(10).join(log) if isinstance(log, list) else str(log))}</pre>")
    return parts


def _evidence(title: str, findings: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not findings:
        return []
    rows = [[key, found["health"], found["text"]] for key, found in findings.items()]
    parts = [f"<h2>{title}</h2>", table(["Service", "Health", "Finding"], rows)]
    for key, found in findings.items():
        if found["evidence"]:
            parts.append(table([key, ""], [[name, _plain(value)] for name, value in found["evidence"].items()]))
    return parts


def _plain(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return "\n".join(", ".join(f"{name} {item[name]}" for name in item) for item in value)
    return str(value)


def table(
    heads: Sequence[str], rows: Sequence[Sequence[Any]], *, problems: Sequence[Mapping[str, Any]] | None = None
) -> str:
    """A table in which every cell is text; a row whose problem is said stands out."""
    head = "<tr>" + "".join(f"<th>{escape(str(name))}</th>" for name in heads) + "</tr>" if heads else ""
    body = []
    for number, row in enumerate(rows):
        bad = problems is not None and problems[number].get("problem")
        cells = "".join(f'<td class="text">{escape("" if cell is None else str(cell))}</td>' for cell in row)
        body.append(f'<tr class="bad">{cells}</tr>' if bad else f"<tr>{cells}</tr>")
    return f"<table>{head}{''.join(body)}</table>"
