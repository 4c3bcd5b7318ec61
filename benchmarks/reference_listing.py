"""The list of tasks, written the common way: what `listing.py` measures against.

Sync handlers, SQLAlchemy's ORM with a pool, COUNT for the number of pages, and Pydantic models as `response_model`; the token
is checked by a dependency. It answers the same fields of the same rows. Where there is a choice it is taken in favour of this
program: no user is looked up, nothing is logged, counted or limited, no projects of others are looked for, N+1 is avoided, the
pool has a connection for each thread that the load keeps busy.

`DATABASE_URL` names the driver: mysql+pymysql or mysql+mysqldb (mysqlclient).
"""

from __future__ import annotations

import os
from collections.abc import Iterator  # noqa: TC003  # FastAPI, Pydantic and SQLAlchemy read annotations
from datetime import date, datetime  # noqa: TC003
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Column, ForeignKey, Table, create_engine, func, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
    sessionmaker,
)

engine = create_engine(os.environ["DATABASE_URL"], pool_size=32, max_overflow=8, pool_pre_ping=True, pool_recycle=1800)
SessionLocal = sessionmaker(engine)
KEY = os.environ["JWT_SECRET_KEY"]
app = FastAPI()
bearer = HTTPBearer()


class Base(DeclarativeBase):
    """The tables, so far as this endpoint needs them."""


task_labels = Table(
    "task_labels",
    Base.metadata,
    Column("task_id", ForeignKey("tasks.id"), primary_key=True),
    Column("label_id", ForeignKey("labels.id"), primary_key=True),
)


class Label(Base):
    """A label."""

    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(primary_key=True)


class Project(Base):
    """A project."""

    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]


class Task(Base):
    """A task."""

    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int]
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    title: Mapped[str]
    description: Mapped[str]
    status: Mapped[str]
    priority: Mapped[int]
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    number: Mapped[int]
    assignee_id: Mapped[int | None]
    parent_id: Mapped[int | None]
    due_on: Mapped[date | None]
    version: Mapped[int]
    project: Mapped[Project] = relationship()
    labels: Mapped[list[Label]] = relationship(secondary=task_labels, order_by=Label.id)

    @property
    def reference(self) -> str:
        return f"{self.project.key}-{self.number}"

    @property
    def label_ids(self) -> list[int]:
        return [label.id for label in self.labels]


class TaskRead(BaseModel):
    """A task, as clients see it."""

    model_config = ConfigDict(from_attributes=True, coerce_numbers_to_str=True)

    id: str
    project_id: str
    title: str
    description: str
    status: str
    priority: int
    due_at: datetime | None
    created_at: datetime
    updated_at: datetime
    number: int
    reference: str
    assignee_id: str | None
    parent_id: str | None
    due_on: date | None
    label_ids: list[str]
    version: int


class TaskPage(BaseModel):
    """A page, and how many tasks there are in all."""

    results: list[TaskRead]
    total: int


def session() -> Iterator[Session]:
    with SessionLocal() as opened:
        yield opened


def user_id(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> int:
    try:
        claims = jwt.decode(credentials.credentials, KEY, algorithms=["HS256"], issuer="taskmanager")
    except jwt.InvalidTokenError:
        raise HTTPException(401, "the token is not valid") from None
    return int(claims["sub"])


@app.get("/tasks", response_model=TaskPage)
def list_tasks(
    db: Annotated[Session, Depends(session)],
    caller: Annotated[int, Depends(user_id)],
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, object]:
    mine = Task.owner_id == caller
    query = select(Task).where(mine).options(joinedload(Task.project), selectinload(Task.labels))
    tasks = db.scalars(query.order_by(Task.id.desc()).limit(limit).offset(offset)).all()
    total = db.scalar(select(func.count()).select_from(Task).where(mine))
    return {"results": tasks, "total": total}
