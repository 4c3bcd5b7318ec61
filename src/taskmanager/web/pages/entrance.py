"""Signing in, registering, signing out."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from taskmanager.deps import AddressGroup, AddressLimited, ServicesDep
from taskmanager.problems import Problem
from taskmanager.users import service
from taskmanager.users.router import limited_failures
from taskmanager.users.schemas import Login, UserCreate
from taskmanager.web import sessions
from taskmanager.web.browser import SIGN_IN, new_visit, safe_path
from taskmanager.web.forms import Form, FormDep, given_token, read_form
from taskmanager.web.rendering import page, redirect
from taskmanager.web.route import PageRoute
from taskmanager.web.viewer import ViewerDep, browser_of, find_viewer

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_REGISTER: Final = "/app/register"


@router.get("/")
async def front(request: Request) -> Response:
    return await _entrance(request, "sign_in.html")


@router.get(SIGN_IN)
async def sign_in_page(request: Request) -> Response:
    return await _entrance(request, "sign_in.html")


@router.get(_REGISTER)
async def register_page(request: Request) -> Response:
    return await _entrance(request, "register.html")


async def _entrance(request: Request, template: str) -> Response:
    """The form, to somebody who is not signed in."""
    goal = safe_path(request.query_params.get("next"))
    if await find_viewer(request) is not None:
        return redirect(request, goal)
    return _form_page(request, template, Form(), goal)


def _form_page(request: Request, template: str, form: Form, goal: str, status: int = 200) -> Response:
    """The form, bound to this browser by a cookie: nobody has a session yet, but a form of another site signs nobody in."""
    browser = browser_of(request)
    known = request.cookies.get(browser.visit_cookie)
    visit = known or new_visit()
    request.state.form_token = browser.form_token(f"visit {visit}")
    response = page(request, template, status=status, form=form, goal=goal)
    if not known:
        browser.set_cookie(response, browser.visit_cookie, visit, None)
    return response


async def _read(request: Request) -> Form:
    form, browser = await read_form(request), browser_of(request)
    visit = request.cookies.get(browser.visit_cookie)
    if not visit:
        raise Problem(
            403, "cookies-needed", "signing in needs cookies: allow them for this site and load the page again"
        )
    browser.check_form(request, f"visit {visit}", given_token(request, form))
    return form


@router.post(SIGN_IN, dependencies=[AddressLimited])
async def sign_in(request: Request, services: ServicesDep, address: AddressGroup) -> Response:
    form = await _read(request)
    goal = safe_path(form.text("next"))
    body = form.check(Login, email=form.text("email"), password=form.text("password"))
    if body is None:
        return _form_page(request, "sign_in.html", form, goal, 422)
    password = body.password.get_secret_value()
    try:
        async with limited_failures(services, body.email, address), services.database.read() as connection:
            user_id = await service.authenticate(connection, services.passwords, email=body.email, password=password)
    except Problem as problem:
        status = form.refuse(problem, {"login-failed": "form"})
        return _form_page(request, "sign_in.html", form, goal, status)
    return await begin_session(request, services, user_id, goal)


@router.post(_REGISTER, dependencies=[AddressLimited])
async def register(request: Request, services: ServicesDep) -> Response:
    form = await _read(request)
    goal = safe_path(form.text("next"))
    body = form.check(UserCreate, **{name: form.text(name) for name in ("email", "name", "password")})
    if body is None:
        return _form_page(request, "register.html", form, goal, 422)
    hashed = await services.passwords.hash(body.password.get_secret_value())
    try:
        async with services.database.transaction() as session:
            user = await service.register(session, email=body.email, name=body.name, password_hash=hashed)
    except Problem as problem:
        return _form_page(request, "register.html", form, goal, form.refuse(problem, {"email-taken": "email"}))
    return await begin_session(request, services, user.id, goal)


async def begin_session(
    request: Request, services: ServicesDep, user_id: int, goal: str, said: str | None = None
) -> Response:
    """Sign the browser in, under a token that it did not have before."""
    browser = browser_of(request)
    async with services.database.transaction() as session:
        token = await sessions.begin(session, user_id, request.headers.get("user-agent", ""))
    response = redirect(request, goal, said)
    browser.set_cookie(response, browser.session_cookie, token, int(sessions.LIFETIME.total_seconds()))
    browser.drop_cookie(response, browser.visit_cookie)
    return response


@router.post("/app/sign-out")
async def sign_out(request: Request, services: ServicesDep, viewer: ViewerDep, _: FormDep) -> Response:
    async with services.database.transaction() as session:
        await sessions.end(session, viewer.user_id, viewer.session_id)
    return leave(request, "signed-out")


def leave(request: Request, said: str) -> Response:
    """Forget the session that has ended."""
    browser = browser_of(request)
    response = redirect(request, SIGN_IN, said)
    browser.drop_cookie(response, browser.session_cookie)
    return response
