from __future__ import annotations

import io
import json

import pytest
from tests.endpoint.server import says, serving

from fairway.cli.after_up import FILE, do_after_up, shown, tell_after_up
from fairway.cli.output import Output
from fairway.project.after_up import AfterUp
from fairway.project.checks import JourneyCheck
from fairway.project.journey import read_journey

JOURNEY = """
[[step]]
method = "POST"
path = "/users"
json = { password = "${DEMO_PASSWORD}" }
status = [201, 409]

[[step]]
path = "/projects"
"""


@pytest.fixture
def wanted(tmp_path):
    path = tmp_path / "demo.toml"
    path.write_text(JOURNEY)
    journey = JourneyCheck(path, read_journey(path, {}))
    return AfterUp(journey, ("DEMO_PASSWORD",), (("sign in as", "dana"), ("password", "${DEMO_PASSWORD}")))


def test_it_is_done_once_with_a_secret_that_only_its_user_can_read(tmp_path, wanted):
    with serving(users=says({}, status=201), projects=says({}, status=200)) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert do_after_up(wanted, "shop", tmp_path, url, {}) is None
        assert do_after_up(wanted, "shop", tmp_path, url, {}) is None
    sent = [json.loads(body) for _, path, _, body in server.asked if path == "/users"]
    told = shown(wanted, "shop", tmp_path)
    assert sent == [{"password": told["password"]}]
    assert len(told["password"]) == 20
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_another_data_directory_has_another_secret(tmp_path, wanted):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    told = [shown(wanted, "shop", tmp_path / name)["password"] for name in ("a", "b", "a")]
    assert told[0] == told[2] != told[1]


def test_what_broke_off_is_said_without_a_secret_and_played_again(tmp_path, wanted):
    with serving(users=says({}, status=201), projects=says({}, status=500)) as server:
        problem = do_after_up(wanted, "shop", tmp_path, f"http://127.0.0.1:{server.port}", {})
    assert problem is not None
    assert "500" in problem
    assert shown(wanted, "shop", tmp_path)["password"] not in problem
    with serving(users=says({}, status=409), projects=says({}, status=200)) as server:
        assert do_after_up(wanted, "shop", tmp_path, f"http://127.0.0.1:{server.port}", {}) is None
    assert [path for _, path, _, _ in server.asked] == ["/users", "/projects"]


def test_two_projects_of_a_data_directory_know_nothing_of_each_other(tmp_path, wanted):
    assert shown(wanted, "shop", tmp_path)["password"] != shown(wanted, "other", tmp_path)["password"]


@pytest.mark.parametrize(
    ("told", "problem", "expected"),
    [
        pytest.param({"sign in as": "dana", "password": "p"}, None, "  sign in as  dana\n  password    p\n", id="told"),
        pytest.param({}, None, "", id="nothing to tell"),
        pytest.param(
            {},
            "demo.toml: sign in: 500",
            "what is done after up went wrong: demo.toml: sign in: 500\n  → correct it, and try again: ",
            id="what went wrong, and how to go on",
        ),
    ],
)
def test_what_people_read(told, problem, expected):
    stream = io.StringIO()
    tell_after_up(told, problem, Output(stream=stream), None)
    assert stream.getvalue().startswith(expected)
    assert bool(stream.getvalue()) == bool(expected)
