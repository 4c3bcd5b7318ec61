"""Which database a data directory has: chosen once, since the rows of one cannot be found in the other. Pure."""

from __future__ import annotations

from typing import Final, Literal, get_args

from fairway.errors import UsageError

Database = Literal["sqlite", "mysql"]
DATABASES: Final[tuple[Database, ...]] = get_args(Database)


def choose(asked: Database | None, known: Database | None) -> Database:
    """What is used, of what is asked for now and what the data directory has; SQLite unless anybody said otherwise.

    Raises:
        UsageError: it has another one.
    """
    if asked is not None and known is not None and asked != known:
        raise UsageError(
            f"this data directory has its rows in {_TITLES[known]}, and they would be missing in {_TITLES[asked]}",
            hint="another data directory: --data DIR; or give up these data: fairway down --purge",
        )
    return asked or known or "sqlite"


_TITLES: Final[dict[Database, str]] = {"sqlite": "SQLite", "mysql": "MariaDB"}


def remembered(said: str | None, *, has_files: bool) -> Database | None:
    """What is written down; of a directory from before anything was, its folder of SQLite files tells."""
    for database in DATABASES:
        if said is not None and said.strip() == database:
            return database
    return "sqlite" if has_files else None
