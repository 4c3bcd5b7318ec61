"""Reads a journey: requests in their order, as somebody who signs in sends them.

    [[step]]
    name = "sign in"
    method = "POST"
    path = "/login"
    json = { email = "journey@example.com", password = "${JOURNEY_PASSWORD}" }
    save = { token = "access_token" }

    [[step]]
    path = "/projects"
    headers = { Authorization = "Bearer {{ token }}" }
    expect = { results = [] }

`{{ NAME }}` is what an earlier step saved, `{{ random }}` a text that is another one in each journey, `{{ tag }}` the version
that is deployed. `${NAME}` is taken from the environment when the journey is made: secrets stand in no file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fairway.project.checks import JourneyStep
from fairway.project.keys import Keys
from fairway.project.text import did_you_mean
from fairway.project.toml_file import read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PLACE: Final = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
"""`{{ NAME }}`."""
VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""`${NAME}`."""
GIVEN: Final = frozenset({"random", "tag"})
"""Names that every journey has."""
_STEP: Final = {"name", "method", "path", "json", "form", "headers", "status", "expect", "save", "always"}
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_PATH: Final = re.compile(r"/(?!/)[^\s#\x00-\x1f\x7f]*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_journey(path: Path, variables: Mapping[str, str]) -> tuple[JourneyStep, ...]:
    """The steps in a file, with the environment's own variables put in.

    Raises:
        UsageError: names file, line, key and remedy.
    """
    whole = Keys(read_toml(path), path, known={"step"})
    items = whole.tables("step")
    if not items:
        raise whole.wrong("", "this journey has no step", "add a [[step]] with a path")
    saved = set(GIVEN)
    steps = []
    for number, item in enumerate(items, start=1):
        step = _step(item, path, number, variables)
        for name in _names(step):
            if name not in saved:
                raise Keys({}, path, known=()).wrong(
                    name,
                    f"step {step.name!r} needs {{{{ {name} }}}}, which no step before it saves",
                    did_you_mean(name, saved),
                )
        saved |= step.save.keys()
        steps.append(step)
    return tuple(steps)


def _step(item: Any, path: Path, number: int, variables: Mapping[str, str]) -> JourneyStep:
    keys = Keys(item, path, "step", known=_STEP)
    if "path" not in keys:
        raise keys.wrong("", f"step {number} has no path", 'add path = "/…"')
    if "json" in keys and "form" in keys:
        raise keys.wrong("form", f"step {number} has both json and form", "a request has one body")
    method = keys.choice("method", _METHODS, "GET")
    target = read_path(keys)
    save = keys.strings("save")
    for name, where in save.items():
        if not _NAME.fullmatch(name) or name in GIVEN or not where:
            raise keys.wrong(name, f"{name!r} is no name to save under", 'write save = { token = "access_token" }')
    form = keys.any("form")
    if form is not None and not isinstance(form, dict):
        raise keys.wrong("form", f"step {number}: form is no table", 'write form = { name = "…" }')
    return JourneyStep(
        name=keys.text("name", f"{method} {target}"),
        method=method,
        path=put_known(target, variables),
        json=put_known(keys.any("json"), variables),
        form=put_known(form, variables),
        headers=put_known(keys.strings("headers"), variables),
        status=keys.numbers("status", low=100, high=599, default=(200,)),
        expect=put_known(keys.any("expect"), variables),
        save=save,
        always=keys.flag("always"),
    )


def read_path(keys: Keys) -> str:
    """The path of a request: it begins with one slash, so that it names no other host.

    Raises:
        UsageError: it does not.
    """
    path = keys.text("path")
    if not _PATH.fullmatch(PLACE.sub("x", VARIABLE.sub("x", path))):
        raise keys.wrong("path", f"{path!r} is no path", 'a path begins with one slash: path = "/health"')
    return path


def _names(step: JourneyStep) -> set[str]:
    return set(places((step.path, step.json, step.form, dict(step.headers), step.expect)))


def places(document: Any) -> Iterator[str]:
    """The name in each `{{ NAME }}` of a document."""
    yield from _found(document, PLACE)


def needed_variables(document: Any) -> Iterator[str]:
    """The name in each `${NAME}` of a document."""
    yield from _found(document, VARIABLE)


def _found(document: Any, pattern: re.Pattern[str]) -> Iterator[str]:
    match document:
        case str():
            yield from pattern.findall(document)
        case list() | tuple():
            for item in document:
                yield from _found(item, pattern)
        case dict():
            for item in document.values():
                yield from _found(item, pattern)
        case _:
            return


def put_known(document: Any, variables: Mapping[str, Any]) -> Any:
    """The document with each `${NAME}` that is in `variables` put in; the others are left for later."""
    match document:
        case str():
            return VARIABLE.sub(lambda found: str(variables.get(found[1], found[0])), document)
        case list():
            return [put_known(item, variables) for item in document]
        case dict():
            return {key: put_known(item, variables) for key, item in document.items()}
        case _:
            return document
