from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from taskmanager.db import Database
from taskmanager.jobs import is_outage


def of_sqlite(message, name="SQLITE_ERROR"):
    error = sqlite3.OperationalError(message)
    error.sqlite_errorname = name
    return OperationalError("SELECT", {}, error)


def of_mysql(code, kind=OperationalError):
    return kind("SELECT", {}, Exception(code, "said by the server"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(of_mysql(2003), True, id="nobody answers"),
        pytest.param(of_mysql(2013), True, id="the connection is lost"),
        pytest.param(of_mysql(2006, InterfaceError), True, id="the server has gone away"),
        pytest.param(of_mysql(1040), True, id="too many connections"),
        pytest.param(of_mysql(1205), True, id="a lock was waited for in vain"),
        pytest.param(of_mysql(1213), True, id="a deadlock"),
        pytest.param(of_mysql(1114), True, id="the disk is full"),
        pytest.param(of_mysql(1290), True, id="a failover has made it read only"),
        pytest.param(of_mysql(1054), False, id="no such column"),
        pytest.param(of_mysql(1146), False, id="no such table"),
        pytest.param(of_mysql(1364), False, id="a column that this release does not know has no default"),
        pytest.param(of_sqlite("database is locked", "SQLITE_BUSY"), True, id="locked"),
        pytest.param(of_sqlite("database or disk is full", "SQLITE_FULL"), True, id="full"),
        pytest.param(of_sqlite("unable to open database file", "SQLITE_CANTOPEN"), True, id="no file"),
        pytest.param(of_sqlite("no such table: tasks"), False, id="no such table, in SQLite"),
        pytest.param(of_sqlite("no such column: x"), False, id="no such column, in SQLite"),
        pytest.param(of_sqlite("table tasks has no column named x"), False, id="no such column to write to"),
        pytest.param(PoolTimeoutError("all connections are in use"), True, id="all connections are in use"),
        pytest.param(ConnectionRefusedError(), True, id="refused"),
        pytest.param(ValueError("x"), False, id="an error of the job"),
    ],
)
def test_what_a_job_is_given_up_for(error, expected):
    assert is_outage(error) is expected


@pytest.mark.parametrize("statement", ["SELECT nothing FROM tasks", "SELECT 1 FROM nowhere", "SELECT FROM"])
async def test_a_statement_that_is_wrong_is_no_outage(database, statement):
    with pytest.raises(Exception, match=r".") as caught:  # the connection is given back inside
        async with database.read() as connection:
            await connection.execute(text(statement))
    assert not is_outage(caught.value)


async def test_a_database_that_is_not_there_is_one(tmp_path):
    gone = Database("mysql://root@127.0.0.1:9/x", pooled=False)
    with pytest.raises(Exception, match=r".") as caught:
        async with gone.read():
            raise AssertionError("nobody is there")
    assert is_outage(caught.value)
    await gone.close()
