from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from taskmanager import db
from taskmanager.db import Database
from taskmanager.problems import Problem
from taskmanager.users import tokens
from taskmanager.users.tokens import Tokens

KEY = "a signing key of more than thirty-two characters"


@pytest.fixture
async def narrow(database_url, monkeypatch):
    """A database with one connection of each kind."""
    monkeypatch.setattr(db, "POOL_SIZE", 1)
    made = Database(database_url)
    yield made
    await made.close()


@pytest.mark.parametrize("kind", ["read", "transaction"])
async def test_connections_are_given_in_the_order_in_which_they_are_asked_for(narrow, kind):
    given = []

    async def use(name, more=0):
        async with getattr(narrow, kind)() as connection:
            given.append(name)
            await connection.execute(text("SELECT 1"))
        if more:
            # asks again in the moment in which a connection is free, past those who wait
            await use(f"{name} again", more - 1)

    await asyncio.gather(use("a", 2), use("b"), use("c"))
    assert given == ["a", "b", "c", "a again", "a again again"]


async def test_who_waits_too_long_is_refused_and_takes_no_turn_with_them(narrow, monkeypatch):
    monkeypatch.setattr(db, "_LONGEST_WAIT_SECONDS", 0.01)
    async with narrow.read():
        with pytest.raises(PoolTimeoutError):
            async with narrow.read():
                raise AssertionError("there is one connection")
    async with narrow.read() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1


@pytest.mark.mariadb_only
@pytest.mark.parametrize("kind", ["read", "transaction"])
async def test_a_connection_that_was_cut_while_it_rested_is_found_before_it_is_used(narrow, monkeypatch, kind):
    monkeypatch.setattr(db, "_TRUSTED_SECONDS", 0.0)
    ask = text("SELECT connection_id()")
    async with getattr(narrow, kind)() as connection:
        first = (await connection.execute(ask)).scalar_one()
    async with narrow.raw_writer() if kind == "read" else narrow.read() as other:
        await other.execute(text(f"KILL {first}"))
    async with getattr(narrow, kind)() as connection:
        assert (await connection.execute(ask)).scalar_one() != first


@pytest.mark.mariadb_only
async def test_a_read_begins_no_transaction_and_ends_none(narrow):
    count = text("SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'COM_ROLLBACK'")
    seen = []
    for _ in range(3):
        async with narrow.read() as connection:
            seen.append(int((await connection.execute(count)).scalar_one()))
    assert seen[0] == seen[-1]


def test_a_token_that_was_checked_before_expires_all_the_same(monkeypatch):
    monkeypatch.setattr(tokens, "LIFETIME", timedelta(seconds=-1))
    checks = Tokens(KEY)
    token = checks.issue(7)
    checks._known[token] = (7, 1)
    with pytest.raises(Problem, match="has expired"):
        checks.user_id(token)


def test_a_checked_token_opens_nothing_for_one_that_looks_like_it():
    checks = Tokens(KEY)
    token = checks.issue(7)
    assert [checks.user_id(token), checks.user_id(token)] == [7, 7]
    head, body, _ = token.split(".")
    for forged in (f"{head}.{body}.", f"{head}.{body}.AAAA", token[:-1], token + "A"):
        with pytest.raises(Problem, match="not valid"):
            checks.user_id(forged)


def test_the_memory_of_checked_tokens_has_a_bound(monkeypatch):
    monkeypatch.setattr(tokens, "_MOST_KNOWN", 20)
    checks = Tokens(KEY)
    for number in range(1, 60):
        assert checks.user_id(checks.issue(number)) == number
        assert len(checks._known) <= 20
