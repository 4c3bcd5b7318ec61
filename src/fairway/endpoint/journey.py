"""Plays a journey: its steps in their order, what one gave put into the next; what cleans up is done even after a failure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from fairway.endpoint.client import EndpointError, Question, Unreachable, ask
from fairway.endpoint.expect import Unknown, fill, value_at
from fairway.endpoint.requests import compare
from fairway.endpoint.result import CheckResult, State
from fairway.ids import RandomIds
from fairway.project.journey import needed_variables, places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.endpoint.client import Answer
    from fairway.project.checks import JourneyCheck, JourneyStep

_RANDOM_DIGITS: Final = 12


class _Stopped(Exception):
    """A step failed; the text holds nothing that was sent or received."""


def check_journey(
    check: JourneyCheck, url: str, *, version: str | None, variables: Mapping[str, str], timeout: float
) -> CheckResult:
    """The result of a journey at an endpoint."""
    name = check.path.name
    unset = unset_variables(check, variables)
    if unset:
        return CheckResult(name, State.NOT_CHECKED, f"{name}: not checked: {', '.join(unset)} is not set")
    if version is None and any("tag" in places(_texts(step)) for step in check.steps):
        return CheckResult(name, State.NOT_CHECKED, f"{name}: not checked: {{{{ tag }}}} is not known")
    known: dict[str, Any] = {"tag": version, "random": RandomIds().hexadecimal(_RANDOM_DIGITS)}
    problem = ""
    done: list[dict[str, Any]] = []
    left: list[str] = []
    for step in check.steps:
        if problem and not step.always:
            continue
        try:
            answer = _play(step, url, known, variables, timeout)
        except Unreachable as error:
            if not done:
                return CheckResult(name, State.NOT_REACHED, f"{name}: not checked from here: {error}")
            problem = problem or f"{step.name}: {error}"
            left += [step.name] if step.always else []
        except (EndpointError, _Stopped) as error:
            problem = problem or f"{step.name}: {error}"
            left += [step.name] if step.always else []
        except Unknown as error:
            # what is to be cleaned up was never made
            problem = problem or f"{step.name}: {error.text}"
        else:
            done.append({"step": step.name, "status": answer.status, "seconds": round(answer.seconds, 4)})
    figures = {"steps": done, "not_cleaned_up": left}
    if problem:
        behind = f" (and was not cleaned up: {', '.join(left)})" if left else ""
        return CheckResult(name, State.FAILED, f"{name}: {problem}{behind}", figures)
    seconds = sum(item["seconds"] for item in done)
    return CheckResult(name, State.PASSED, f"{name}: {len(done)} steps in {seconds:.3g} s", figures)


def unset_variables(check: JourneyCheck, variables: Mapping[str, str]) -> list[str]:
    """`${NAME}` of each variable that the journey needs and that is not set."""
    needed: dict[str, None] = {}
    for step in check.steps:
        needed |= dict.fromkeys(needed_variables(_texts(step)))
    return [f"${{{name}}}" for name in needed if not variables.get(name)]


def _texts(step: JourneyStep) -> list[Any]:
    return [step.path, step.json, step.form, dict(step.headers), step.expect]


def _play(step: JourneyStep, url: str, known: dict[str, Any], variables: Mapping[str, str], timeout: float) -> Answer:
    headers = {key: str(value) for key, value in fill(dict(step.headers), known, variables).items()}
    body: bytes | None = None
    if step.json is not None:
        body = json.dumps(fill(step.json, known, variables)).encode()
        headers = {"Content-Type": "application/json"} | headers
    elif step.form is not None:
        body = urlencode(fill(dict(step.form), known, variables)).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"} | headers
    path = fill(step.path, known, variables, in_path=True)
    answer = ask(Question(url, path, step.method, tuple(headers.items()), body), timeout=timeout)
    expected = fill(step.expect, known, variables)
    wrong, document = compare(answer, step.status, expected, needs_json=bool(step.save))
    if wrong is not None:
        raise _Stopped(wrong)
    for name, where in step.save.items():
        try:
            known[name] = value_at(document, where)
        except KeyError:
            raise _Stopped(f"the answer has no {where}") from None
        if not isinstance(known[name], str | int | float) or known[name] == "":
            raise _Stopped(f"{where} of the answer is no text and no number")
    return answer
