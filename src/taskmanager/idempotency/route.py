"""Routes that make something: with an `Idempotency-Key` they make it once."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute
from fastapi.security.utils import get_authorization_scheme_param

from taskmanager.deps import caller_of, require_scope, services
from taskmanager.idempotency.service import Reply, claim, fingerprint_of, release, store
from taskmanager.problems import Problem

HEADER: Final = "idempotency-key"
REPLAYED: Final = "Idempotency-Replayed"
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS: Final = ("location", "etag")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class CreatingRoute(APIRoute):
    """A route whose POST is done once for each key; its handler writes in the session that it is given."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if options.get("methods") in ({"POST"}, ["POST"]):
            options["dependencies"] = [*(options.get("dependencies") or ()), Depends(_described)]
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        if self.methods != {"POST"}:
            return handle

        async def handle_once(request: Request) -> Response:
            key = request.headers.get(HEADER)
            return await handle(request) if key is None else await _once(request, key, handle)

        return handle_once


async def _described(
    idempotency_key: Annotated[
        str | None,
        Header(description="Drawn by the client for what it asks once; the reply is stored for 24 hours."),
    ] = None,
) -> None:
    """Say in the description of the API that the header is taken; `handle_once` has seen to it."""


async def _once(request: Request, key: str, handle: Handler) -> Response:
    if not _KEY.fullmatch(key):
        raise Problem(422, "idempotency-key-invalid", "the key has 1 to 255 visible characters of ASCII")
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    caller = await caller_of(request, token if scheme.lower() == "bearer" else None)
    require_scope(caller, request.method)
    known = services(request)
    database = known.database
    fingerprint = fingerprint_of(request.method, request.url.path, await request.body())
    claimed = await claim(database, caller.user_id, key, fingerprint)
    if isinstance(claimed, Reply):
        await known.limiter.hit(known.limits.user, str(caller.user_id))  # what is not handled is counted here
        headers = {**claimed.headers, REPLAYED: "true"}
        return Response(claimed.body, claimed.status, headers, media_type="application/json")
    try:
        response = await handle(request)
        headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        reply = Reply(response.status_code, headers, bytes(response.body).decode())
        # the transaction is committed when this has returned, and before the answer goes out
        await store(request.state.session, claimed, reply)
    except Exception:
        session = getattr(request.state, "session", None)
        if session is not None:  # undone first: SQLite has one writer
            await session.rollback()
        await release(database, claimed)
        raise
    return response
