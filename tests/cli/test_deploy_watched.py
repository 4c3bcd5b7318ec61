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
