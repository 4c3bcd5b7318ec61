"""Forms: what was typed, what is wrong with which field, and that the form is one of ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from taskmanager.problems import Problem
from taskmanager.web.browser import FORM_TOKEN, HEADER
from taskmanager.web.times import NoSuchTime, day_at, moment_at
from taskmanager.web.viewer import ViewerDep, browser_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

_MOST_FIELDS: Final = 500
_PLAIN: Final = {
    "literal_error": "Choose one of the list.",
    "enum": "Choose one of the list.",
    "int_parsing": "Write a whole number.",
}
"""Words for what pydantic calls so; its own are meant for programs."""
_PATTERNS: Final = {
    "email": "Write an address such as ann@example.org.",
    "key": "2 to 10 capital letters or digits, beginning with a letter, such as OPS.",
    "colour": "Choose a colour.",
}
Model = TypeVar("Model", bound=BaseModel)


@dataclass(slots=True)
class Form:
    """The fields of a form, and what is wrong with them."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        return any(known == name for known, _ in self.fields)

    def text(self, name: str, otherwise: str = "") -> str:
        """What was typed; browsers send lines as the standard of forms wants them, here they end as everywhere."""
        return next((value.replace("\r\n", "\n") for known, value in self.fields if known == name), otherwise)

    def many(self, name: str) -> list[str]:
        return [value for known, value in self.fields if known == name]

    def check(self, model: type[Model], **values: Any) -> Model | None:
        """The model of the values; None when they do not make one, which the fields' errors then tell."""
        try:
            return model(**values)
        except ValidationError as error:
            for item in error.errors(include_url=False, include_input=False):
                name = str(item["loc"][0]) if item["loc"] else "form"
                self.errors.setdefault(name, _words(item))
            return None

    def refuse(self, problem: Problem, fields: Mapping[str, str]) -> int:
        """Write a service's refusal beside the field that it is about; its status.

        Raises:
            Problem: it is about no field of this form.
        """
        name = fields.get(problem.code)
        if name is None:
            raise problem
        self.errors[name] = f"{problem.detail[:1].upper()}{problem.detail[1:]}."
        return problem.status

    def due(self, day_name: str, time_name: str, zone: tzinfo) -> dict[str, Any]:
        """`due_on` of a day alone, `due_at` of a day and a time in the zone; both none of an empty day."""
        day, clock = self.text(day_name).strip(), self.text(time_name).strip()
        found: dict[str, Any] = {"due_on": None, "due_at": None}
        try:
            if clock and not day:
                self.errors[day_name] = "A time needs a day."
            elif clock:
                found["due_at"] = moment_at(day, clock, zone)
            elif day:
                found["due_on"] = day_at(day)
        except NoSuchTime as error:
            self.errors[time_name if "time" in str(error) else day_name] = str(error)
        return found


async def read_form(request: Request) -> Form:
    """What was sent. Files are none of our fields."""
    async with request.form(max_files=0, max_fields=_MOST_FIELDS) as sent:
        return Form([(name, value) for name, value in sent.multi_items() if isinstance(value, str)])


def given_token(request: Request, form: Form) -> str:
    return request.headers.get(HEADER) or form.text(FORM_TOKEN)


async def _form(request: Request, viewer: ViewerDep) -> Form:
    form = await read_form(request)
    browser_of(request).check_form(request, f"session {viewer.session_id}", given_token(request, form))
    return form


FormDep = Annotated[Form, Depends(_form)]
"""A form of the viewer's own session; 403 for any other."""


def _words(item: Any) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in {"string_too_long", "too_long"}:
        of = "" if context.get("field_type") == "List" else " characters"
        return f"At most {context['max_length']}{of}."
    if kind in {"string_too_short", "too_short"}:
        return "Fill this in." if context["min_length"] == 1 else f"At least {context['min_length']} characters."
    if kind == "value_error":
        text = str(context.get("error", item["msg"]))
        return f"{text[:1].upper()}{text[1:]}."
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(str(item["loc"][0]), "This does not have the form that is needed.")
    return f"{item['msg']}."
