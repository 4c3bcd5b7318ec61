from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.engine.loadbalancer.configurations import a_configuration, a_listener

from fairway.engine.loadbalancer import envoy_documents as documents
from fairway.engine.loadbalancer.answers import page
from fairway.engine.loadbalancer.envoy_routes import pattern, route_configuration
from fairway.engine.loadbalancer.protocol import (
    Endpoint,
    EndpointState,
    FixedResponse,
    Forward,
    Match,
    Pool,
    Redirect,
)

FOLDER = Path("/data/balancer")


def route_of(match, action):
    """The document of a rule, without the one before it (TRACE) and the default after it."""
    return route_configuration(a_listener(8080, (match, action)))["virtual_hosts"][0]["routes"][1]


@pytest.mark.parametrize(
    ("text", "matching", "other"),
    [
        pytest.param("/a/*", "/a/b/c", "/b/a/", id="star"),
        pytest.param("/a?", "/ab", "/a", id="question mark"),
        pytest.param("/a.b+(c)", "/a.b+(c)", "/axb+(c)", id="what regular expressions mean is plain text"),
        pytest.param("/ü*", "/üx", "/u", id="other letters"),
    ],
)
def test_pattern(text, matching, other):
    assert re.fullmatch(pattern(text), matching)
    assert not re.fullmatch(pattern(text), other)


def test_an_escaped_wildcard_is_plain_text():
    assert re.fullmatch(pattern(r"a\*\?\\", escapes=True), r"a*?" + "\\")
    assert not re.fullmatch(pattern(r"a\*", escapes=True), "ab")


def test_endpoints_stand_in_order_so_that_the_same_set_is_the_same_document():
    states = {Endpoint("127.0.0.1", 2): EndpointState.DRAINING, Endpoint("127.0.0.1", 1): EndpointState.ACTIVE}
    document = documents.endpoints(Pool("tg-a", states))
    ports = [
        (e["endpoint"]["address"]["socket_address"]["port_value"], e["health_status"])
        for e in document["endpoints"][0]["lb_endpoints"]
    ]
    assert ports == [(1, "HEALTHY"), (2, "DRAINING")]
    assert document == documents.endpoints(Pool("tg-a", dict(reversed(states.items()))))


def test_a_cluster_never_retries_panics_or_outlives_its_targets_connections():
    (cluster,) = documents.clusters([Pool("tg-a", {})], FOLDER)
    (options,) = cluster["typed_extension_protocol_options"].values()
    assert options["common_http_protocol_options"]["idle_timeout"] == "4s"
    assert cluster["common_lb_config"] == {"healthy_panic_threshold": {"value": 0}}
    assert "retry_policy" not in str(route_of(Match(), Forward((("tg-a", 1),))))


def test_slow_start_is_of_round_robin_alone():
    plain, least = documents.clusters(
        [
            Pool("a", {}, slow_start_seconds=1.5),
            Pool("b", {}, algorithm="least_outstanding_requests", slow_start_seconds=1.5),
        ],
        FOLDER,
    )
    assert plain["round_robin_lb_config"] == {"slow_start_config": {"slow_start_window": "1.500s"}}
    assert "round_robin_lb_config" not in least


def test_a_listener_is_on_this_machine_alone_and_shares_its_port_with_nobody():
    (listener,) = documents.listeners(a_configuration(a_listener(8080)), FOLDER)
    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 8080}
    assert listener["enable_reuse_port"] is False


def test_the_admin_interface_is_a_socket_that_only_its_owner_may_use():
    address = documents.bootstrap(FOLDER)["admin"]["address"]
    assert address == {"pipe": {"path": "admin.sock", "mode": 0o600}}


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        pytest.param(Forward((("a", 0), ("b", 0))), {"direct_response": {"status": 503}}, id="no weight at all"),
        pytest.param(FixedResponse(404, body="no"), {"direct_response": {"status": 404}}, id="fixed response"),
        pytest.param(Redirect(301), {"direct_response": {"status": 301}}, id="redirect"),
    ],
)
def test_what_the_balancer_answers_itself_has_no_cluster(action, expected):
    document = route_of(Match(paths=("/x",)), action)
    assert document["direct_response"]["status"] == expected["direct_response"]["status"]
    assert "route" not in document


def test_forwarding_has_no_overall_time_out():
    route = route_of(Match(), Forward((("a", 9), ("b", 1))))["route"]
    assert route["timeout"] == "0s"
    assert route["idle_timeout"] == "60.000s"
    assert route["weighted_clusters"]["clusters"] == [{"name": "a", "weight": 9}, {"name": "b", "weight": 1}]


def test_a_placeholder_that_is_known_before_is_filled_in():
    rule = route_of(Match(), Redirect(302, host="#{port}.#{host}"))["metadata"]["filter_metadata"]
    assert rule["envoy.filters.http.lua"]["redirect"]["host"] == "8080.#{host}"
    assert rule["envoy.filters.http.lua"]["redirect"]["origin"] == "http://"


def test_routes_keep_their_order_after_the_refusal_of_trace():
    spec = a_listener(
        8080, *((Match(paths=(f"/{n}",)), FixedResponse(200 + n)) for n in range(3)), to=FixedResponse(299)
    )
    routes = route_configuration(spec)["virtual_hosts"][0]["routes"]
    assert [route["direct_response"]["status"] for route in routes] == [405, 200, 201, 202, 299]


@pytest.mark.parametrize(("status", "size"), [(502, 122), (503, 162), (504, 132), (301, 134)])
def test_pages_are_as_long_as_those_of_alb(status, size):
    assert len(page(status)) == size


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param((a_listener(1),), False, id="a listener alone"),
        pytest.param((a_listener(1), Pool("tg-a", {})), False, id="an empty pool"),
        pytest.param((Pool("tg-a", {Endpoint("127.0.0.1", 1): EndpointState.ACTIVE}),), False, id="a pool alone"),
        pytest.param((a_listener(1), Pool("tg-a", {Endpoint("127.0.0.1", 1): EndpointState.ACTIVE})), True, id="both"),
        pytest.param((a_listener(1, to=FixedResponse(200)),), True, id="an answer of its own"),
    ],
)  # fmt: skip
def test_there_is_work_when_a_listener_can_answer(parts, expected):
    assert a_configuration(*parts).has_work is expected
