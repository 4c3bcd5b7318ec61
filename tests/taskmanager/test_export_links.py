from __future__ import annotations

from datetime import timedelta

import pytest

from taskmanager.db import now
from taskmanager.exports.links import Links
from taskmanager.problems import Problem

LINKS = Links("k" * 32)


def test_a_link_opens_its_export_until_it_expires():
    moment = now()
    token = LINKS.token(7, moment + timedelta(seconds=60))
    LINKS.check(7, token, moment)
    with pytest.raises(Problem) as caught:
        LINKS.check(7, token, moment + timedelta(seconds=61))
    assert (caught.value.status, caught.value.code) == (410, "export-link-expired")


def test_a_forged_link_opens_nothing():
    moment = now()
    good = LINKS.token(7, moment + timedelta(seconds=60))
    later = LINKS.token(7, moment + timedelta(hours=9))
    forged = [good[:-1] + ("A" if good[-1] != "A" else "B"), later[:11] + good[11:], good[:-4], "", "=", "ä", "a" * 33, good + "A"]  # fmt: skip
    forged.append(Links("l" * 32).token(7, moment + timedelta(seconds=60)))
    for token in forged:
        with pytest.raises(Problem) as caught:
            LINKS.check(7, token, moment)
        assert caught.value.status == 404, token
    with pytest.raises(Problem):
        LINKS.check(8, good, moment)
