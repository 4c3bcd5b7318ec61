"""What AWS would refuse is refused before anything is sent, with its place."""

from __future__ import annotations

import json

import pytest

from fairway.deployment.shapes import check_balanced_ports
from fairway.errors import UsageError

API = {"name": "api", "image": "i", "portMappings": [{"containerPort": 8000}, {"containerPort": 9090}]}


def a_definition(*containers):
    return {"family": "shop-api", "containerDefinitions": list(containers)}


@pytest.mark.parametrize(
    ("container", "port", "hint"),
    [
        pytest.param(API, 9000, "api in shop-api has: 8000, 9090", id="another port"),
        pytest.param({"name": "api", "image": "i"}, 8000, "api in shop-api has: no portMappings", id="no ports"),
        pytest.param(API, None, "api in shop-api has: 8000, 9090", id="none is said"),
    ],
)
def test_a_port_that_no_container_has_is_refused(tmp_path, container, port, hint):
    service = {"serviceName": "api", "loadBalancers": [{"containerName": "api", "containerPort": port}]}
    path = tmp_path / "api.service.json"
    path.write_text(json.dumps(service, indent=2))
    with pytest.raises(
        UsageError, match=rf"api.service.json:6: the load balancer's containerPort {port} is no"
    ) as caught:
        check_balanced_ports(service, a_definition(container), path)
    assert caught.value.hint == hint


def test_a_port_of_its_container_is_taken(tmp_path):
    service = {"loadBalancers": [{"containerName": "api", "containerPort": 9090}]}
    check_balanced_ports(service, a_definition(API), tmp_path / "unread")
