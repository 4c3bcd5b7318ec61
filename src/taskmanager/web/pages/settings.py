"""The viewer's own things: profile, password, API tokens, browsers."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response

from taskmanager.apitokens import service as tokens
from taskmanager.apitokens.schemas import TokenCreate
from taskmanager.deps import AddressGroup, ServicesDep
from taskmanager.paging import PublicId
from taskmanager.problems import Problem
from taskmanager.sessions.service import end_all_families
from taskmanager.users import router as api
from taskmanager.users import service
from taskmanager.users.schemas import PasswordChange, UserChange
from taskmanager.users.zones import known_zones
from taskmanager.web import sessions
from taskmanager.web.forms import Form, FormDep
from taskmanager.web.pages.entrance import begin_session, leave
from taskmanager.web.rendering import page, redirect
from taskmanager.web.route import PageRoute
from taskmanager.web.viewer import Viewer, ViewerDep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taskmanager.deps import Services

router = APIRouter(route_class=PageRoute, include_in_schema=False, prefix="/app/settings")
_HERE: Final = "/app/settings"
_SCOPES: Final = {"read": ["read"], "write": ["write"], "both": ["read", "write"]}
DAYS: Final = {7: "a week", 30: "30 days", 90: "90 days", 366: "a year"}


@functools.cache
def _zones() -> list[str]:
    """Of places, which people know; those of other names may be set by programs."""
    areas = (
        "Africa/",
        "America/",
        "Antarctica/",
        "Arctic/",
        "Asia/",
        "Atlantic/",
        "Australia/",
        "Europe/",
        "Indian/",
        "Pacific/",
    )
    return ["UTC", *sorted(name for name in known_zones() if name.startswith(areas))]


@router.get("")
async def settings(request: Request, services: ServicesDep, viewer: ViewerDep) -> Response:
    return await _show(request, services, viewer)


@router.post("/profile")
async def change_profile(request: Request, services: ServicesDep, viewer: ViewerDep, form: FormDep) -> Response:
    body = form.check(UserChange, **{name: form.text(name) for name in ("name", "time_zone") if form.has(name)})
    if body is None:
        return await _show(request, services, viewer, {"profile": form}, status=422)
    async with services.database.transaction() as session:
        await service.change_user(session, viewer.user_id, body.model_dump(exclude_unset=True))
    return redirect(request, _HERE, "profile-changed")


@router.post("/password")
async def change_password(
    request: Request, services: ServicesDep, viewer: ViewerDep, form: FormDep, address: AddressGroup
) -> Response:
    values = {name: form.text(name) for name in ("old_password", "new_password")}
    body = form.check(PasswordChange, **values)
    if body is None:
        return await _show(request, services, viewer, {"password": form}, status=422)
    try:
        await api.change_password(body, services, viewer.user_id, address)
    except Problem as problem:
        status = form.refuse(problem, {"password-wrong": "old_password"})
        return await _show(request, services, viewer, {"password": form}, status=status)
    # every session has ended, this one too: it goes on under another token
    return await begin_session(request, services, viewer.user_id, _HERE, "password-changed")


@router.post("/tokens")
async def make_token(request: Request, services: ServicesDep, viewer: ViewerDep, form: FormDep) -> Response:
    """Make a token. The answer shows it, and nothing ever does again: no redirect could."""
    scopes = _SCOPES.get(form.text("scopes", "read"), [])
    body = form.check(TokenCreate, name=form.text("token_name"), scopes=scopes, expires_in_days=form.text("days", "90"))
    for field, shown in (("name", "token_name"), ("expires_in_days", "days")):
        if field in form.errors:
            form.errors[shown] = form.errors.pop(field)
    if body is None:
        return await _show(request, services, viewer, {"token": form}, status=422)
    try:
        async with services.database.transaction() as session:
            made = await tokens.create_token(session, viewer.user_id, **body.model_dump())
    except Problem as problem:
        status = form.refuse(problem, {"too-many-tokens": "token_name"})
        return await _show(request, services, viewer, {"token": form}, status=status)
    return await _show(request, services, viewer, made=made)


@router.post("/tokens/{token_id}/delete")
async def delete_token(
    request: Request, token_id: PublicId, services: ServicesDep, viewer: ViewerDep, _: FormDep
) -> Response:
    async with services.database.transaction() as session:
        await tokens.delete_token(session, viewer.user_id, token_id)
    return redirect(request, _HERE, "token-deleted")


@router.post("/sessions/{session_id}/end")
async def end_session(
    request: Request, session_id: PublicId, services: ServicesDep, viewer: ViewerDep, _: FormDep
) -> Response:
    async with services.database.transaction() as session:
        await sessions.end(session, viewer.user_id, session_id)
    if session_id == viewer.session_id:
        return leave(request, "signed-out")
    return redirect(request, _HERE, "session-ended")


@router.post("/sessions/end-all")
async def end_all(request: Request, services: ServicesDep, viewer: ViewerDep, _: FormDep) -> Response:
    """Sign out everywhere: browsers, and programs that signed in with the password. API tokens are revoked one by one."""
    async with services.database.transaction() as session:
        await sessions.end_all(session, viewer.user_id)
        await end_all_families(session, viewer.user_id)
    return leave(request, "signed-out-everywhere")


async def _show(
    request: Request,
    services: Services,
    viewer: Viewer,
    forms: Mapping[str, Form] | None = None,
    *,
    made: Mapping[str, Any] | None = None,
    status: int = 200,
) -> Response:
    async with services.database.read() as connection:
        known = await tokens.list_tokens(connection, viewer.user_id)
        browsers = await sessions.list_sessions(connection, viewer.user_id)
    zones = _zones() if viewer.zone_name in _zones() else [viewer.zone_name, *_zones()]
    return page(
        request,
        "settings.html",
        status=status,
        forms=forms or {},
        made=made,
        tokens=known,
        browsers=browsers,
        zones=zones,
        days=DAYS,
    )
