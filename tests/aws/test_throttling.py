"""AWS throttles, and AWS is far away: a deployment ends as it would have.

A proxy stands between the tool and an engine. It answers one call in three as AWS does when it throttles, or holds each
answer back for half a second; the engine knows nothing of it.
"""

from __future__ import annotations

import pytest
from tests.aws.proxy import a_proxy

pytestmark = pytest.mark.slow


def through(project, engine, proxy):
    """The project speaks to the engine through the proxy."""
    path = project.root / "deploy" / "environments" / "local.toml"
    path.write_text(path.read_text().replace(engine.endpoint, f"http://127.0.0.1:{proxy.port}"))


@pytest.mark.timeout(240)
def test_one_call_in_three_is_throttled(project, fairway, engine, ecs):
    with a_proxy(engine.port, throttle_each=3) as proxy:
        through(project, engine, proxy)
        code, out, err = fairway("deploy", "api", "--tag", "v1")
        assert code == 0, out + err
        project.label("api", exit_after="0", exit_code="1")
        code, out, err = fairway("deploy", "api", "--tag", "v2")
        assert code == 4, out + err
        assert "likely cause: the program ended with exit code 1" in out
    assert proxy.throttled > 10
    updates = proxy.calls.count("UpdateService")
    assert updates <= 2, "a throttled update is sent again, and only once"
    records = ecs.list_service_deployments(cluster=project.cluster, service="api")["serviceDeployments"]
    assert [record["status"] for record in records] == ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]


@pytest.mark.timeout(240)
def test_half_a_second_away(project, fairway, engine, ecs):
    with a_proxy(engine.port, delay_seconds=0.5) as proxy:
        through(project, engine, proxy)
        code, out, err = fairway("deploy", "worker", "--tag", "v1")
        assert code == 0, out + err
        code, out, err = fairway("status", "worker")
        assert code == 0, out + err
    assert proxy.calls.count("CreateService") == 1
