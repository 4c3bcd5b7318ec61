from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.slow


def events(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_first_deployment_creates_services_in_order_and_marks_revisions_good(project, fairway, ecs):
    code, out, err = fairway("deploy", "--tag", "v1", "--json")
    assert code == 0, out + err
    seen = events(out)
    assert [e["event"] for e in seen if e["event"] in {"one_off_stopped", "service_updated", "finished"}] == [
        "one_off_stopped", "service_updated", "service_updated", "finished",
    ]  # fmt: skip
    outcomes = [(e["service"], e["outcome"]) for e in seen if e["event"] == "outcome"]
    assert outcomes == [("worker", "succeeded"), ("api", "succeeded")]
    answer = ecs.describe_task_definition(taskDefinition=f"{project.cluster}-api", include=["TAGS"])
    tags = {tag["key"]: tag["value"] for tag in answer["tags"]}
    assert tags["fairway:verdict"] == "good"
    assert tags["fairway:version"] == "v1"
    assert {"fairway:by", "fairway:deployment", "fairway:verified-at"} <= set(tags)
