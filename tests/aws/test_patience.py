from __future__ import annotations

from datetime import datetime

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from tests.ports import free_port

from fairway.aws.patience import LOCAL_SECONDS, LOCAL_TRIES, asking_again, give_up_early, tries
from fairway.aws.session import Aws, AwsError, connect, translate
from fairway.project.model import Environment

REFUSED = EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("is_local", "is_first", "is_watched", "expected"),
    [
        pytest.param(True, True, False, 1, id="nothing has answered yet: nothing is there"),
        pytest.param(True, False, False, LOCAL_TRIES, id="an engine that is restarted is waited for"),
        pytest.param(True, False, True, 1, id="whoever watches asks again himself, and says so at once"),
        pytest.param(False, True, False, None, id="AWS: as botocore does"),
        pytest.param(False, False, True, 3, id="AWS, watched: soon told"),
    ],
)
def test_tries(is_local, is_first, is_watched, expected):
    assert tries(is_local=is_local, is_first=is_first, is_watched=is_watched) == expected


@pytest.mark.parametrize("error", [REFUSED, ConnectTimeoutError(endpoint_url="http://127.0.0.1:1")])
def test_an_engine_that_answered_before_is_waited_for(error):
    needs_retry = give_up_early(is_local=True, has_answered=lambda: True)
    assert [needs_retry(attempts=n, caught_exception=error) for n in (1, LOCAL_TRIES - 1)] == [LOCAL_SECONDS] * 2
    assert needs_retry(attempts=LOCAL_TRIES, caught_exception=error) is False
    with asking_again():
        assert needs_retry(attempts=1, caught_exception=error) is False
    assert needs_retry(attempts=1, caught_exception=error) == LOCAL_SECONDS


@pytest.mark.parametrize("error", [None, ReadTimeoutError(endpoint_url="http://127.0.0.1:1")])
def test_what_was_connected_is_left_to_botocore(error):
    assert give_up_early(is_local=True, has_answered=lambda: False)(attempts=1, caught_exception=error) is None


@pytest.fixture
def sleeps(monkeypatch):
    """What botocore waits between its tries; it waits for nothing here."""
    waited: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", waited.append)
    return waited


def environment(port):
    return Environment(name="local", region="us-east-1", cluster="shop", endpoint_url=f"http://127.0.0.1:{port}")


def test_where_no_engine_was_ever_nothing_is_waited_for(sleeps):
    with pytest.raises(AwsError, match="no engine answers at http://127"):
        connect(environment(free_port()))
    assert sleeps == []


@pytest.mark.parametrize(("is_watched", "expected"), [(False, [LOCAL_SECONDS] * (LOCAL_TRIES - 1)), (True, [])])
def test_an_engine_that_is_gone_in_the_middle(sleeps, is_watched, expected):
    aws = Aws(environment(free_port()))
    aws._offset = (datetime.fromisoformat("2026-11-27T00:00:00Z"), 0.0)  # it has answered

    def ask():
        with pytest.raises(EndpointConnectionError) as caught:
            aws.ecs.list_clusters()
        assert "no engine answers" in translate(caught.value, doing="listing").message

    if is_watched:
        with asking_again():
            ask()
    else:
        ask()
    assert sleeps == expected
