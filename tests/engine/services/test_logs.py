"""Log operations over files that cannot be used."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from tests.engine.services.account import T0, Account, Refused

if TYPE_CHECKING:
    from pathlib import Path


def test_events_that_cannot_be_written_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "logs"
    root.write_text("where a folder should be")
    account = Account(None, root)
    account("logs", "CreateLogGroup", logGroupName="g")
    account("logs", "CreateLogStream", logGroupName="g", logStreamName="s")
    events = [{"timestamp": int(T0.timestamp() * 1000), "message": "m"}]
    with caplog.at_level(logging.ERROR), pytest.raises(Refused) as caught:
        account("logs", "PutLogEvents", logGroupName="g", logStreamName="s", logEvents=events)
    assert (caught.value.answer.status, caught.value.answer.code) == (503, "ServiceUnavailableException")
    assert [record.exc_info for record in caplog.records] == [None]
