"""Makes pages of templates, which are a part of the program."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context

from taskmanager.db import now
from taskmanager.web import browser
from taskmanager.web.forms import Form
from taskmanager.web.static import static_path
from taskmanager.web.times import day_text, is_overdue, moment_text
from taskmanager.web.viewer import browser_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from jinja2.runtime import Context

STATUSES: Final = {"todo": "To do", "doing": "Doing", "done": "Done"}
PRIORITIES: Final = {0: "Lowest", 1: "Low", 2: "Normal", 3: "High", 4: "Highest"}
ROLES: Final = {"owner": "Owner", "editor": "Editor", "viewer": "Viewer"}
SAID: Final = {
    "signed-out": "You are signed out.",
    "signed-out-everywhere": "You are signed out in every browser and program.",
    "project-made": "The project is made. Add its first task.",
    "project-changed": "The project is changed.",
    "project-archived": "The project is archived: it can be read, not changed.",
    "project-restored": "The project is restored.",
    "project-deleted": "The project is deleted.",
    "task-added": "The task is added.",
    "task-changed": "The task is saved.",
    "task-moved": "The task is moved.",
    "task-deleted": "The task is deleted.",
    "comment-added": "Your comment is added.",
    "comment-changed": "Your comment is changed.",
    "comment-deleted": "Your comment is deleted.",
    "reminder-set": "The reminder is set.",
    "reminder-deleted": "The reminder is deleted.",
    "label-made": "The label is made.",
    "label-changed": "The label is changed.",
    "label-deleted": "The label is deleted.",
    "member-added": "They are a member now.",
    "member-changed": "Their role is changed.",
    "member-removed": "They are no member any more.",
    "project-left": "You have left the project.",
    "export-requested": "The export is being written. You can go on working.",
    "notification-read": "Marked as read.",
    "all-read": "All are marked as read.",
    "profile-changed": "Your profile is saved.",
    "password-changed": "Your password is changed. Everywhere else you are signed out.",
    "token-deleted": "The token is revoked.",
    "session-ended": "That browser is signed out.",
}
"""What a page says of what was done before it was asked for, by the word that its cookie holds."""


@functools.cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("taskmanager.web"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"static": static_path, "STATUSES": STATUSES, "PRIORITIES": PRIORITIES, "ROLES": ROLES}
    made.globals["EMPTY"] = Form()
    made.filters |= {"day": day_text, "moment": _moment}
    made.tests["overdue"] = _overdue
    return made


@pass_context
def _moment(context: Context, moment: datetime) -> str:
    return moment_text(moment, context["viewer"].zone)


@pass_context
def _overdue(context: Context, task: Mapping[str, Any]) -> bool:
    return is_overdue(task, now(), context["viewer"].zone)


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """The page of a template, for whoever has been found to look at it."""
    said = request.cookies.get(browser.FLASH)
    viewer = getattr(request.state, "viewer", None)
    context = {
        "viewer": viewer,
        "form_token": viewer.form_token if viewer else getattr(request.state, "form_token", ""),
        "version": request.app.state.version,
        "said": SAID.get(said or ""),
        "path": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        **values,
    }
    response = HTMLResponse(_environment().get_template(template).render(context), status)
    if said is not None:
        browser_of(request).drop_cookie(response, browser.FLASH)
    return response


def redirect(request: Request, path: str, said: str | None = None) -> Response:
    """Go on there with a GET; `said` is told once arrived."""
    response = RedirectResponse(path, 303)
    if said is not None:
        assert said in SAID, said
        browser_of(request).set_cookie(response, browser.FLASH, said, 60)
    return response
