"""A project's tasks by status, and adding one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from taskmanager.deps import ServicesDep
from taskmanager.paging import PublicId
from taskmanager.problems import Problem
from taskmanager.tasks import service
from taskmanager.tasks.filters import Asked
from taskmanager.tasks.listing import list_page
from taskmanager.tasks.router import settled
from taskmanager.tasks.schemas import SortName, TaskChange, TaskCreate
from taskmanager.tasks.sorting import SORTS, Sort
from taskmanager.web.browser import safe_path
from taskmanager.web.forms import Form, FormDep
from taskmanager.web.project_frame import read_frame
from taskmanager.web.rendering import STATUSES, page, redirect
from taskmanager.web.route import PageRoute
from taskmanager.web.viewer import Viewer, ViewerDep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_SORTS: Final = {
    "-id": "Newest first",
    "due": "Due soonest first",
    "-priority": "Highest priority first",
    "-updated": "Changed last first",
    "id": "Oldest first",
}
_COLUMN: Final = 25
"""Tasks of a status, until more are asked for."""
_LONGEST_SEARCH: Final = 100


@dataclass(frozen=True, slots=True)
class Search:
    """What the board shows, as its address says it. What an address says wrongly filters nothing."""

    mine: bool = False
    overdue: bool = False
    label: int | None = None
    text: str = ""
    sort: SortName = "-id"
    status: str | None = None
    """Only this column, from `cursor` on."""
    cursor: str | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Search:
        label, status, sort = query.get("label", ""), query.get("status"), query.get("sort", "-id")
        known = status if status in STATUSES else None
        return cls(
            mine=bool(query.get("mine")),
            overdue=bool(query.get("overdue")),
            label=int(label) if label.isascii() and label.isdigit() and len(label) < 19 else None,  # noqa: PLR2004  # 64 bits
            text=query.get("q", "").strip()[:_LONGEST_SEARCH],
            sort=next((name for name in get_args(SortName) if name == sort), "-id"),
            status=known,
            cursor=query.get("cursor") if known else None,
        )

    @property
    def is_filtered(self) -> bool:
        return self.mine or self.overdue or self.label is not None or bool(self.text)

    def more(self, status: str, cursor: str) -> str:
        """The query of the same list's next page."""
        return self._query(status=status, cursor=cursor)

    @property
    def whole(self) -> str:
        """The query of the board from which a column was gone on."""
        return self._query()

    @property
    def order(self) -> Sort:
        return SORTS[self.sort]

    def asked(self, status: Any) -> Asked:
        return Asked(
            status=status,
            mine=self.mine,
            overdue=self.overdue,
            label_id=self.label,
            q=self.text or None,
            sort=self.sort,
        )

    def _query(self, **more: str) -> str:
        values = {
            "mine": "1" if self.mine else "",
            "overdue": "1" if self.overdue else "",
            "label": str(self.label or ""),
            "q": self.text,
            "sort": "" if self.sort == "-id" else self.sort,
        }
        return urlencode({name: value for name, value in (values | more).items() if value})


@router.get("/app/projects/{project_id}")
async def board(request: Request, project_id: PublicId, services: ServicesDep, viewer: ViewerDep) -> Response:
    return await _show(request, services, viewer, project_id, Form())


@router.post("/app/projects/{project_id}/tasks")
async def add_task(
    request: Request, project_id: PublicId, services: ServicesDep, viewer: ViewerDep, form: FormDep
) -> Response:
    body = form.check(TaskCreate, title=form.text("title"))
    if body is None:
        return await _show(request, services, viewer, project_id, form, status=422)
    async with services.database.transaction() as session:
        await service.create_task(session, viewer.user_id, project_id, body.model_dump())
    return redirect(request, safe_path(form.text("back"), f"/app/projects/{project_id}"), "task-added")


@router.post("/app/tasks/{task_id}/status")
async def move_task(
    request: Request, task_id: PublicId, services: ServicesDep, viewer: ViewerDep, form: FormDep
) -> Response:
    body = form.check(TaskChange, status=form.text("status"))
    if body is None:
        raise Problem(422, "status-unknown", "there is no such status")
    async with services.database.transaction() as session:
        await service.change_task(session, viewer.user_id, task_id, {"status": body.status})
    return redirect(request, safe_path(form.text("back"), f"/app/tasks/{task_id}"), "task-moved")


async def _show(
    request: Request, services: ServicesDep, viewer: Viewer, project_id: int, form: Form, *, status: int = 200
) -> Response:
    frame = await read_frame(services, viewer, project_id)
    search = Search.of(request.query_params)
    names = list(STATUSES) if search.status is None else [search.status]

    async def read(connection: AsyncConnection) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for name in names:
            wanted = await search.asked(name).wanted(connection, viewer.user_id, project_id)
            rows += await list_page(
                connection, viewer.user_id, wanted, limit=_COLUMN + 1, sort=search.order, cursor=search.cursor
            )
        return rows

    rows = await settled(services, read)
    columns = [_column(search, name, [row for row in rows if row["status"] == name]) for name in names]
    back = request.url.path.removesuffix("/tasks") + (f"?{request.url.query}" if request.url.query else "")
    return page(
        request,
        "board.html",
        status=status,
        form=form,
        frame=frame,
        search=search,
        columns=columns,
        sorts=_SORTS,
        back=back,
    )


def _column(search: Search, status: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A column, of rows that were read with one more than it shows."""
    more = search.more(status, search.order.cursor_of(rows[_COLUMN - 1])) if len(rows) > _COLUMN else None
    return {"status": status, "tasks": rows[:_COLUMN], "more": more}
