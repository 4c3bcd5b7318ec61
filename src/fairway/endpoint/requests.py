"""Does a check of the file: a request, once or many times, each on a new connection, compared with what is expected."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fairway.endpoint.client import LARGEST_BODY, NoAnswer, Question, Unreachable, ask
from fairway.endpoint.expect import Unknown, difference, fill
from fairway.endpoint.result import CheckResult, State
from fairway.project.journey import places

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fairway.endpoint.client import Answer
    from fairway.project.checks import RequestCheck

_ENOUGH_FAILURES: Final = 5
"""After so many the rest would say nothing new."""
_READABLE: Final = re.compile(r"[\w.+:-]{1,64}")
_PERCENTILE: Final = 0.95


@dataclass(slots=True)
class _Seen:
    statuses: Counter[int] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        return len(self.seconds) + sum(self.problems.values())


def check_request(
    check: RequestCheck, url: str, *, version: str | None, variables: Mapping[str, str], timeout: float
) -> CheckResult:
    """The result of one check at an endpoint."""
    name = f"GET {check.path}"
    known = {"tag": version}
    try:
        expected = fill(check.json, known, variables)
        path = fill(check.path, known, variables, in_path=True)
        headers = fill(dict(check.headers), known, variables)
    except Unknown as error:
        return CheckResult(name, State.NOT_CHECKED, f"{name}: not checked: {error.text}")
    question = Question(url, path, headers=tuple((key, str(value)) for key, value in headers.items()))
    marks = list(_version_places(check.json))
    hidden = [
        variables[key] for key in variables if variables[key] and f"${{{key}}}" in repr((check.headers, check.path))
    ]
    seen = _Seen()
    while seen.requests < check.requests and sum(seen.problems.values()) < _ENOUGH_FAILURES:
        try:
            answer = ask(question, timeout=timeout)
        except Unreachable as error:
            if not seen.requests:
                return CheckResult(name, State.NOT_REACHED, f"{name}: not checked from here: {error}")
            seen.problems[str(error)] += 1
            continue
        except NoAnswer as error:
            seen.problems[str(error)] += 1
            continue
        seen.statuses[answer.status] += 1
        problem, document = compare(answer, check.status, expected)
        seen.versions.update(_versions(document, marks, hidden))
        if problem is None:
            seen.seconds.append(answer.seconds)
        else:
            seen.problems[problem] += 1
    return _result(name, check, seen, version)


def compare(
    answer: Answer, status: Sequence[int], expected: Any, *, needs_json: bool = False
) -> tuple[str | None, Any]:
    """(what is wrong with an answer or None, its JSON as far as it was needed)."""
    wrong = _wrong_status(answer, status)
    if expected is None and not needs_json:
        return wrong, None
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    if wrong is not None:
        return wrong, document
    if answer.is_cut:
        return f"the answer is larger than {LARGEST_BODY // 1024 // 1024} MiB", None
    if document is None:
        return "the answer is no JSON", None
    where = None if expected is None else difference(expected, document)
    return (None if where is None else f"{where} is not as expected"), document


def _wrong_status(answer: Answer, status: Sequence[int]) -> str | None:
    if answer.status in status:
        return None
    wanted = " or ".join(map(str, status))
    to = f" to {answer.redirected_to}, and redirects are not followed" if answer.redirected_to else ""
    return f"answered {answer.status}{to}, not {wanted}"


def _result(name: str, check: RequestCheck, seen: _Seen, version: str | None) -> CheckResult:
    p95 = percentile(seen.seconds)
    figures: dict[str, Any] = {
        "requests": seen.requests,
        "failed": sum(seen.problems.values()),
        "statuses": {str(status): count for status, count in sorted(seen.statuses.items())},
    }
    if seen.versions:
        figures["versions"] = dict(seen.versions)
    if p95 is not None:
        figures["p95_seconds"] = round(p95, 4)
    others = {found: count for found, count in seen.versions.items() if found != version}
    if others:
        shown = ", ".join(f"{count} by {found}" for found, count in others.items())
        text = f"of {seen.requests} requests {shown} were answered, not by {version}"
        return CheckResult(name, State.FAILED, f"{name}: {text}", figures)
    if seen.problems:
        shown = "; ".join(
            f"{text} ({count} of {seen.requests} requests)" for text, count in seen.problems.most_common(3)
        )
        return CheckResult(name, State.FAILED, f"{name}: {shown}", figures)
    if check.p95_seconds is not None and p95 is not None and p95 > check.p95_seconds:
        text = f"p95 is {p95:.3g} s of {seen.requests} requests, the limit is {check.p95_seconds:g} s"
        return CheckResult(name, State.FAILED, f"{name}: {text}", figures)
    times = "" if seen.requests == 1 else f" {seen.requests} times"
    by = f", by {version} alone" if seen.versions else ""
    slow = f", p95 {p95:.3g} s" if check.p95_seconds is not None and p95 is not None else ""
    return CheckResult(name, State.PASSED, f"{name}: as expected{times}{by}{slow}", figures)


def percentile(seconds: Sequence[float]) -> float | None:
    """The 95th percentile by nearest rank."""
    if not seconds:
        return None
    return sorted(seconds)[math.ceil(_PERCENTILE * len(seconds)) - 1]


def _version_places(expected: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the version stands in the answer, by the file: what stands there may be told."""
    match expected:
        case str() if "tag" in set(places(expected)) and expected.strip().startswith("{{") and expected.endswith("}}"):
            yield where
        case dict():
            for key, item in expected.items():
                yield from _version_places(item, (*where, key))
        case list():
            for number, item in enumerate(expected):
                yield from _version_places(item, (*where, number))
        case _:
            return


def _versions(document: Any, marks: Sequence[tuple[Any, ...]], hidden: Sequence[str]) -> Iterator[str]:
    for mark in marks:
        found = document
        for step in mark:
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                found = None
        text = str(found)
        if isinstance(found, str | int) and _READABLE.fullmatch(text) and not any(word in text for word in hidden):
            yield text
