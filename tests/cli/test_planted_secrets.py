"""A secret that is given to a deployment stands nowhere but in the definition that ECS keeps."""

from __future__ import annotations

import boto3
import pytest

pytestmark = pytest.mark.slow

PLANTED = "planted-Zq7-value"


def everything(project, engine):
    """All that a deployment leaves beside ECS: reports, and parameters of the account."""
    kept = [path.read_text() for path in (project.root / ".fairway").rglob("*") if path.is_file()]
    ssm = boto3.client(
        "ssm",
        endpoint_url=engine.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path="/fairway", Recursive=True)
    return [*kept, *(item["Value"] for page in pages for item in page["Parameters"])]


@pytest.mark.parametrize(
    ("words", "labels", "wanted", "as_json"),
    [
        pytest.param(["deploy", "api", "--tag", "v2"], {}, 0, True, id="a good deployment"),
        pytest.param(
            ["deploy", "api", "--tag", "v2"], {"exit_after": "0", "exit_code": "1"}, 4, False, id="one that fails"
        ),
        pytest.param(["deploy", "api", "--tag", "v2", "--until", "shifted"], {}, 0, False, id="one that is left"),
        pytest.param(
            ["deploy", "api", "--tag", "v2", "--timeout", "0"], {"start": "100"}, 6, True, id="one that is handed over"
        ),
        pytest.param(["plan", "api", "--tag", "v2", "--out", "kept.plan"], {}, 0, True, id="a plan"),
        pytest.param(["deploy", "apo", "--tag", "v2"], {}, 2, False, id="a mistake"),
    ],
)
def test_it_is_shown_nowhere(project, fairway, engine, monkeypatch, words, labels, wanted, as_json):
    toml = project.root / "fairway.toml"
    toml.write_text(toml.read_text().replace('name = "shop"', 'name = "shop"\nwebhook = "${FAIRWAY_WEBHOOK}"'))
    monkeypatch.setenv("FAIRWAY_WEBHOOK", f"http://127.0.0.1:1/services/{PLANTED}")
    assert fairway("deploy", "api", "--tag", "v1", "--set", f"api:DB_PASSWORD={PLANTED}-old")[0] == 0
    project.label("api", **labels)
    more = ["--json"] if as_json else []
    code, out, err = fairway(*words, "--set", f"api:DB_PASSWORD={PLANTED}", *more)
    assert code == wanted, out + err
    assert PLANTED not in out + err
    plan = project.root / "kept.plan"
    texts = [*everything(project, engine), *([plan.read_text()] if plan.exists() else [])]
    assert not [text for text in texts if PLANTED in text]
    code, out, err = fairway("rollback", "api", "--further", *more)
    assert PLANTED not in out + err, "the difference hides it"
