"""What the viewer is to hear of."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from taskmanager.deps import ServicesDep
from taskmanager.notifications import service
from taskmanager.paging import PublicId, decode_cursor, page_of
from taskmanager.web.forms import FormDep
from taskmanager.web.rendering import page, redirect
from taskmanager.web.route import PageRoute
from taskmanager.web.viewer import POLL, ViewerDep, find_viewer

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_HERE: Final = "/app/notifications"
_LINES: Final = 25
_FEW: Final = 3
_STOP_POLLING: Final = 286
"""htmx's own status for it."""


@router.get(_HERE)
async def notifications(
    request: Request, services: ServicesDep, viewer: ViewerDep, cursor: str | None = None, earlier: str | None = None
) -> Response:
    """Unread ones first, then those that are read; each goes on by a cursor of its own."""
    before, before_earlier = decode_cursor(cursor), decode_cursor(earlier)
    user_id = viewer.user_id
    async with services.database.read() as connection:
        rows = await service.list_notifications(connection, user_id, before=before, limit=_LINES + 1, unread=True)
        old = await service.list_notifications(connection, user_id, before=before_earlier, limit=_LINES + 1, read=True)
    rows, more = page_of(rows, _LINES)
    old, more_old = page_of(old, _LINES)
    return page(
        request,
        "notifications.html",
        unread=rows,
        earlier=old,
        more=f"{_HERE}?cursor={more}" if more else None,
        more_earlier=f"{_HERE}?earlier={more_old}" if more_old else None,
    )


@router.get(POLL)
async def unread(request: Request, services: ServicesDep, after: str = "0") -> Response:
    """The number of unread ones for each open page, and the newest in words if the page does not know it."""
    viewer = await find_viewer(request)
    if viewer is None:
        return Response("", _STOP_POLLING, media_type="text/html")
    known = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0  # noqa: PLR2004  # 64 bits
    arrived = []
    if viewer.newest_unread > known:
        async with services.database.read() as connection:
            rows = await service.list_notifications(
                connection, viewer.user_id, before=viewer.newest_unread + 1, limit=_FEW, unread=True
            )
        arrived = [row for row in rows if row["id"] > known]
    response = page(request, "arrived.html", arrived=arrived)
    if arrived:
        response.headers["HX-Trigger"] = "arrived"
    return response


@router.post("/app/notifications/{notification_id}/read")
async def mark_read(
    request: Request, notification_id: PublicId, services: ServicesDep, viewer: ViewerDep, _: FormDep
) -> Response:
    async with services.database.transaction() as session:
        await service.mark_read(session, viewer.user_id, notification_id)
    return redirect(request, _HERE, "notification-read")


@router.post("/app/notifications/read-all")
async def mark_all_read(request: Request, services: ServicesDep, viewer: ViewerDep, _: FormDep) -> Response:
    async with services.database.transaction() as session:
        await service.mark_all_read(session, viewer.user_id)
    return redirect(request, _HERE, "all-read")
