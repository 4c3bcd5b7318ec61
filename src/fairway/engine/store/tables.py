"""Describes a kind of entity that the store keeps: its name, type, key and indexes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Table(Generic[T]):
    """One kind of entity. Entities are frozen dataclasses; `name` stands in the file and never changes."""

    name: str
    type: type[T]
    key: Callable[[T], str]
    indexes: Mapping[str, Callable[[T], str | None]] = field(default_factory=dict)
    """Index name -> the value under which an entity is found; None: not in this index."""
