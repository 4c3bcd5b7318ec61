"""The ground that `up` lays: an engine that dies at any call is named, with the remedy."""

from __future__ import annotations

import json

import botocore.client
import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from fairway.aws.session import AwsError, connect
from fairway.deployment.foundation import lay_foundation
from fairway.project.load import load_project

BALANCERS = {
    "loadBalancers": [{"Name": "shop", "Subnets": ["subnet-0fa1000000000000a", "subnet-0fa1000000000000b"]}],
    "targetGroups": [{"Name": "shop-api", "Protocol": "HTTP", "Port": 8000, "TargetType": "ip"}],
    "listeners": [
        {
            "LoadBalancerName": "shop",
            "Protocol": "HTTP",
            "Port": 80,
            "DefaultActions": [{"Type": "forward", "TargetGroupName": "shop-api"}],
        }
    ],
    "parameters": {"/shop/api/target-group": {"TargetGroupName": "shop-api"}},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [EndpointConnectionError, ConnectionClosedError, ReadTimeoutError])
def test_an_engine_that_dies_at_any_call_is_named(project, monkeypatch, kind):
    (project.root / "deploy" / "balancer.json").write_text(json.dumps(BALANCERS))
    settings = (project.root / "fairway.toml").read_text()
    (project.root / "fairway.toml").write_text(
        settings.replace("default_env", 'balancer = "deploy/balancer.json"\ndefault_env', 1)
    )
    loaded = load_project(project.root, "local")
    aws = connect(loaded.environment)
    call = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]
    calls = 0

    def dying(client, operation, parameters):
        nonlocal calls
        calls += 1
        if calls == dies_at:
            raise kind(endpoint_url=loaded.environment.endpoint_url, error="gone")
        return call(client, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", dying)
    said = []
    for dies_at in range(1, 50):  # noqa: B007 - `dying` looks at it
        calls = 0
        try:
            lay_foundation(aws, loaded, {}, lambda _line: None)
        except AwsError as error:
            said.append(error)
        else:
            break
    assert len(said) == calls >= 6, "it died at each call once, and went through all of them at last"
    assert all(error.message.startswith("no engine answers at http://127.0.0.1:") for error in said)
    assert all("fairway up" in str(error.hint) for error in said)
