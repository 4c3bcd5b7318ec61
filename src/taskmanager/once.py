"""Writing a row that has a unique key: the second time nothing happens, whoever was first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import mysql, sqlite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Executable
    from sqlalchemy.ext.asyncio import AsyncSession

    from taskmanager.db import Base


async def insert_once(session: AsyncSession, model: type[Base], values: Mapping[str, Any]) -> None:
    """Write the row unless one with its unique key is there.

    Whatever else is wrong with the row is an error still: MySQL's INSERT IGNORE would swallow it, so the key's row is
    "updated" to what it is.
    """
    key = next(iter(model.__table__.primary_key)).name
    statement: Executable
    if session.get_bind().dialect.name == "mysql":
        statement = mysql.insert(model).values(**values).on_duplicate_key_update({key: getattr(model, key)})
    else:
        statement = sqlite.insert(model).values(**values).on_conflict_do_nothing()
    await session.execute(statement)
