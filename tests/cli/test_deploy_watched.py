"""What a deployment makes of a watch that came to no verdict, on an engine: nobody publishes the metric that is watched."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("word", "expected", "marked"),
    [
        pytest.param("hold", 6, False, id="somebody has to decide"),
        pytest.param("keep", 0, True, id="it counts as good"),
    ],
)
def test_an_inconclusive_watch_is_held_unless_the_file_says_otherwise(project, fairway, word, expected, marked):
    file = project.root / "fairway.toml"
    service = 'service = "deploy/api.service.json"\n'
    watched = f'monitor = {{ minutes = 1, on_inconclusive = "{word}" }}\n'
    metrics = 'metrics = [{ namespace = "Shop", name = "queue", max = 1 }]\n'
    file.write_text(file.read_text().replace(service, service + watched + metrics))
    # another version for each word: the cluster is the same, and what serves already is not deployed again
    code, said, errors = fairway("deploy", "--tag", word, "--json")
    events = [json.loads(line) for line in said.splitlines()]
    assert code == expected, said + errors
    (verdict,) = [event for event in events if event["event"] == "monitor_verdict"]
    assert (verdict["service"], verdict["health"]) == ("api", "inconclusive")
    good = [event["service"] for event in events if event["event"] == "verdict" and event["verdict"] == "good"]
    assert ("api" in good) is marked


def test_a_held_watch_is_watched_anew_until_somebody_decides(project, fairway, ecs):
    file = project.root / "fairway.toml"
    service = 'service = "deploy/api.service.json"\n'
    watched = 'monitor = { minutes = 1 }\nmetrics = [{ namespace = "Shop", name = "queue", max = 1 }]\n'
    file.write_text(file.read_text().replace(service, service + watched))
    code, said, _ = fairway("deploy", "--tag", "v1", "--only", "migrate", "--only", "services", "--json")
    assert code == 0
    code, said, errors = fairway("deploy", "api", "--tag", "v2")
    assert code == 6, said + errors
    assert "deployed, not decided in" in said
    assert "not deployed" not in said
    [run] = [
        path.stem
        for path in (project.root / ".fairway" / "reports").glob("*.json")
        if report(path)["pending"] == [] and report(path)["watched"]
    ]
    first = window(project, run)
    assert f'watch --accept {run} --why "…"' in said
    code, said, errors = fairway("watch", "--pending")
    assert code == 6, said + errors
    assert "watch another window" in said
    assert window(project, run)["from"] >= first["to"], "numbers that came since are judged, not the same ones again"
    code, said, errors = fairway("watch", "--accept", "--why", "load is low", "--json")
    assert code == 0, said + errors
    events = [json.loads(line) for line in said.splitlines()]
    [accepted] = [event for event in events if event["event"] == "accepted"]
    assert (accepted["run"], accepted["why"]) == (run, "load is low")
    tags = ecs.describe_task_definition(taskDefinition=f"{project.cluster}-api", include=["TAGS"])["tags"]
    known = {item["key"]: item["value"] for item in tags}
    assert known["fairway:verdict"] == "good"
    assert known["fairway:why"].startswith("accepted by arn:aws:iam::")
    assert known["fairway:why"].endswith("load is low")
    assert "no watch is pending" in fairway("watch", "--pending")[1]
    code, _, err = fairway("watch", "--accept", run)
    assert code == 2
    assert "is not unfinished" in err


def report(path):
    document: dict[str, object] = json.loads(path.read_text())
    return document


def window(project, run):
    return report(project.root / ".fairway" / "reports" / f"{run}.json")["watched"]["api"]["evidence"]
