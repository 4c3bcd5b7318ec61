from __future__ import annotations

from pathlib import Path

import pytest

from fairway.errors import UsageError
from fairway.project.after_up import read_after_up
from fairway.project.load import load_project

ROOT = Path(__file__).parent.parent.parent
JOURNEY = """
[[step]]
path = "/users"
method = "POST"
json = { password = "${DEMO_PASSWORD}", city = "${CITY}" }
"""


def read(folder, said, *, is_local=True):
    (folder / "demo.toml").write_text(JOURNEY)
    overlay = {"after_up": said, "variables": {"CITY": "Oslo", "NAME": "ann"}}
    return read_after_up(overlay, folder / "local.toml", folder, is_local=is_local)


def test_what_is_not_asked_for_is_not_done(tmp_path):
    assert read_after_up({}, tmp_path / "local.toml", tmp_path, is_local=True) is None


def test_a_journey_with_its_secrets_and_what_is_shown(tmp_path):
    show = {"sign in as": "${NAME}", "password": "${DEMO_PASSWORD}"}
    made = read(tmp_path, {"journey": "demo.toml", "secrets": ["DEMO_PASSWORD"], "show": show})
    assert made is not None
    assert made.secrets == ("DEMO_PASSWORD",)
    assert made.show == (("sign in as", "ann"), ("password", "${DEMO_PASSWORD}"))
    assert made.journey.steps[0].json == {"password": "${DEMO_PASSWORD}", "city": "Oslo"}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        pytest.param({}, "after_up.journey is missing", id="without a journey"),
        pytest.param({"journey": "no.toml"}, "cannot be read", id="a journey that is not there"),
        pytest.param({"journey": "demo.toml", "jorney": "x"}, "unknown key after_up.jorney", id="a word that is none"),
        pytest.param({"journey": "demo.toml", "secrets": ["A B"]}, "'A B' is no name", id="a secret without a name"),
        pytest.param({"journey": "demo.toml", "secrets": ["CITY"]}, "CITY is a variable", id="a secret that is none"),
        pytest.param(
            {"journey": "demo.toml", "show": {"password": "${OTHER}"}}, "is neither a secret", id="a value nobody has"
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path, said, message):
    with pytest.raises(UsageError, match=message):
        read(tmp_path, said)


def test_only_a_laptop_may_have_it(tmp_path):
    with pytest.raises(UsageError, match="only the environment local may have after_up"):
        read(tmp_path, {"journey": "demo.toml"}, is_local=False)


def test_the_task_management_system_has_it_on_a_laptop_alone(monkeypatch):
    monkeypatch.setenv("JOURNEY_PASSWORD", "x")
    local = load_project(ROOT, "local").after_up
    assert local is not None
    assert {label for label, _ in local.show} == {"sign in as", "with the password"}
    assert load_project(ROOT, "production").after_up is None
