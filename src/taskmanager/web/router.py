"""All pages."""

from __future__ import annotations

from fastapi import APIRouter, Response

from taskmanager.problems import not_found
from taskmanager.web import static
from taskmanager.web.pages import (
    board,
    entrance,
    exports,
    labels,
    members,
    notifications,
    project,
    projects,
    remarks,
    settings,
    task,
)
from taskmanager.web.route import PageRoute
from taskmanager.web.viewer import ViewerDep

router = APIRouter(include_in_schema=False)
router.include_router(static.router)
for module in (entrance, projects, board, project, members, labels, exports, task, remarks, notifications, settings):
    router.include_router(module.router)
_rest = APIRouter(route_class=PageRoute, include_in_schema=False)


@_rest.get("/app")
@_rest.get("/app/{rest:path}")
async def nothing(_: ViewerDep) -> Response:
    """Say in a page that there is none, to somebody who would be shown it."""
    raise not_found("page")


router.include_router(_rest)
