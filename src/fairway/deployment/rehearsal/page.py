"""The report of a rehearsal: one JSON document, one page of HTML that needs nothing else, and a table for a terminal. Pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from fairway.deployment.rehearsal.acts import Catcher
from fairway.deployment.rehearsal.verdict import Ended
from fairway.deployment.report import STYLE, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from fairway.deployment.rehearsal.acts import Playbill
    from fairway.deployment.rehearsal.stand_ins import Differing
    from fairway.deployment.rehearsal.verdict import Decision, Played

VERSION: Final = 1
HEADS: Final = ("stage", "act", "ended", "caught by", "told after (here)", "lowest capacity", "failed", "exit")


def act_document(played: Played) -> dict[str, Any]:
    """One act, as JSON."""
    act, happened = played.act, played.happened
    told = happened.told
    requests = happened.requests
    return {
        "stage": str(act.stage),
        "act": act.key,
        "title": act.title,
        "ended": str(played.ended),
        "expected": {"exit_code": act.exit_code, "caught_by": sorted(str(item) for item in act.caught_by)},
        "exit_code": happened.exit_code,
        "caught_by": str(told.catcher),
        "reason": told.reason,
        "told_after_engine_seconds": _rounded(told.engine_seconds),
        "told_after_seconds": _rounded(told.real_seconds),
        "seconds": round(happened.seconds, 1),
        "capacity": {
            key: {"lowest": item.lowest, "desired": item.desired, "bound": item.bound}
            for key, item in happened.capacity.items()
        },
        "requests": None
        if requests is None
        else {
            "sent": requests.sent,
            "failed": requests.failed,
            "failures": dict(requests.kinds),
            "p95_ms": requests.p95_ms,
        },
        "went_back": None if not act.is_fault or act.exit_code == 0 else not happened.not_back,
        "reasons": list(played.reasons),
        "remarks": list(played.remarks),
        "last_lines": list(happened.said),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def rehearsal_document(
    *,
    run: str,
    project: str,
    environment: Mapping[str, str | None],
    tag: str,
    from_tag: str,
    began: datetime,
    seconds: float,
    decision: Decision,
    played: Sequence[Played],
    bills: Sequence[Playbill],
    differing: Mapping[str, Sequence[Differing]],
    notes: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """The whole rehearsal. `differing` and `notes` by stage; no value of a secret stands in it."""
    return {
        "rehearsal": VERSION,
        "run": run,
        "project": project,
        **environment,
        "version": tag,
        "from_version": from_tag,
        "began": began.isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "go": decision.go,
        "exit_code": decision.exit_code,
        "reasons": list(decision.reasons),
        "not_caught": list(decision.not_caught),
        "acts": [act_document(item) for item in played],
        "left_out": [
            {"stage": str(bill.stage), "act": name, "reason": why} for bill in bills for name, why in bill.left_out
        ],
        "differs": {stage: [item.document() for item in items] for stage, items in differing.items()},
        "notes": {stage: list(lines) for stage, lines in notes.items()},
    }


def row(document: Mapping[str, Any]) -> tuple[str, ...]:
    """An act's document in a table, under `HEADS`."""
    return (
        document["stage"],
        document["title"],
        document["ended"],
        _caught(document),
        _told(document),
        _capacity(document),
        _requests(document),
        "-" if document["exit_code"] is None else str(document["exit_code"]),
    )


def _caught(document: Mapping[str, Any]) -> str:
    is_broken = document["expected"]["caught_by"] != [str(Catcher.NOBODY)] or document["exit_code"] != 0
    return str(document["caught_by"]) if is_broken else ""


def _told(document: Mapping[str, Any]) -> str:
    engine, real = document["told_after_engine_seconds"], document["told_after_seconds"]
    if real is None:
        return ""
    return f"{real:.1f} s" if engine is None else f"{engine:.0f} s ({real:.1f} s)"


def _capacity(document: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {item['lowest']}/{item['desired']}" for key, item in document["capacity"].items())


def _requests(document: Mapping[str, Any]) -> str:
    found = document["requests"]
    return "" if found is None else f"{found['failed']} of {found['sent']:,}"


def terminal_table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Lines no longer than `width`: the title of an act gives way, and columns in which nothing stands are left out."""
    whole = [HEADS, *rows]
    kept = [number for number in range(len(HEADS)) if any(line[number] for line in rows)]
    wide = {number: max(len(line[number]) for line in whole) for number in kept}
    over = sum(wide.values()) + 2 * (len(kept) - 1) - width
    for number, fewest in ((1, 26), (5, 16), (3, 14), (1, 8)):
        if over > 0 and number in wide:
            least = min(wide[number], fewest)
            given = min(over, wide[number] - least)
            wide[number], over = wide[number] - given, over - given
    return ["  ".join(_cut(line[number], wide[number]) for number in kept).rstrip() for line in whole]


def _cut(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"


def render_page(report: Mapping[str, Any]) -> str:
    """The page. Whatever stands in the report is text, never markup."""
    word = "GO" if report["go"] else "NO-GO"
    title = f"Rehearsal of {report['project']} {report['version']} for {report['name']}: {word}"
    facts = [
        ("Run", report["run"]),
        (
            "Environment",
            f"{report['name']}, account {report['account'] or '?'}, {report['region']}, {report['cluster']}",
        ),
        ("From", report["from_version"]),
        ("Began", report["began"]),
        ("Took", f"{report['seconds']:.0f} s"),
        ("Exit code", report["exit_code"]),
    ]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="{"good" if report["go"] else "bad"}"><strong>{word}</strong></p>',
        *_list("Reasons", report["reasons"], is_bad=True),
        *_list("Not caught here", report["not_caught"]),
        table([], [list(fact) for fact in facts]),
        "<h2>Acts</h2>",
        table(
            [head.capitalize() for head in HEADS],
            [list(row(document)) for document in report["acts"]],
            problems=[{"problem": document["ended"] == Ended.WRONG} for document in report["acts"]],
        ),
        *[part for document in report["acts"] for part in _details(document)],
        "<h2>Not played</h2>",
        table(["Stage", "Act", "Why"], [[item["stage"], item["act"], item["reason"]] for item in report["left_out"]]),
        "<h2>What differs from production</h2>",
        *_differs(report),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _details(document: Mapping[str, Any]) -> list[str]:
    lines = [*document["reasons"], *document["remarks"]]
    if document["reason"] and document["caught_by"] != Catcher.NOBODY:
        lines.insert(0, f"{document['caught_by']}: {document['reason']}")
    if not lines:
        return []
    parts = [f"<h3>{escape(document['stage'])}: {escape(document['title'])}</h3>", _items(lines)]
    if document["last_lines"]:
        parts.append(f"<pre>{escape(chr(10).join(document['last_lines']))}</pre>")
    return parts


def _list(title: str, lines: Sequence[str], *, is_bad: bool = False) -> list[str]:
    if not lines:
        return []
    return [f'<h2 class="{"bad" if is_bad else ""}">{escape(title)}</h2>', _items(lines)]


def _items(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _differs(report: Mapping[str, Any]) -> list[str]:
    parts = []
    for stage, items in report["differs"].items():
        parts.append(f"<h3>{escape(stage)}</h3>")
        parts.append(
            table(
                ["Where", "Production", "Rehearsal", "Why"],
                [[item["where"], item["production"], item["rehearsal"], item["reason"]] for item in items],
            )
        )
        parts.append(_items(report["notes"].get(stage, [])))
    return parts
