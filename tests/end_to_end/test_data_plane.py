"""No request fails in a planned change, nor while the engine is dead: real targets, real load, a real Envoy."""

from __future__ import annotations

import os
import signal
import urllib.request
from collections import Counter

import pytest
from tests.end_to_end.engine_process import wait_until
from tests.end_to_end.traffic import Traffic

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def names(port, count=40):
    seen: Counter[str] = Counter()
    for _ in range(count):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            seen[answer.read().decode()] += 1
    return seen


def test_targets_are_replaced_one_after_another(balancer, make_target):
    living = [make_target(f"old-{number}") for number in range(3)]
    balancer.register("blue", *living)
    with Traffic(balancer.port, paths=("/", "/slow/0.02")) as traffic:
        for number in range(3):
            fresh = make_target(f"new-{number}")
            balancer.register("blue", fresh)
            leaving = living.pop(0)
            balancer.deregister("blue", leaving)
            assert leaving.stop() in {0, -signal.SIGTERM}
            living.append(fresh)
        traffic.wait_for(200)
    traffic.assert_none_failed(at_least=1000)
    assert names(balancer.port).keys() == {"new-0", "new-1", "new-2"}


def test_the_engine_is_killed_and_started_again(engine, balancer, make_target):
    old, new = make_target("old"), make_target("new")
    balancer.register("blue", old)
    port = balancer.port
    with Traffic(port) as traffic:
        (envoy,) = engine.envoys()
        engine.kill()
        traffic.wait_for(600)
        engine.start()
        assert engine.envoys() == [envoy]
        balancer.register("blue", new)
        balancer.deregister("blue", old)
        assert old.stop() in {0, -signal.SIGTERM}
        engine.kill()
        engine.start()
        traffic.wait_for(300)
        assert engine.envoys() == [envoy]
        assert engine.health()["load_balancer"] == "ready"
    traffic.assert_none_failed(at_least=1000)
    assert names(port).keys() == {"new"}


def test_weights_are_flipped_again_and_again(balancer, make_target):
    balancer.register("blue", make_target("blue"))
    balancer.weigh(blue=1, green=0)
    balancer.register("green", make_target("green"))
    with Traffic(balancer.port) as traffic:
        for blue in (0, 100, 50, 10, 90, 100, 0) * 3:
            balancer.weigh(blue=blue, green=100 - blue)
            traffic.wait_for(40)
    traffic.assert_none_failed(at_least=800)
    assert names(balancer.port).keys() == {"green"}


def test_rules_and_listeners_come_and_go_beside_the_traffic(balancer, make_target):
    balancer.register("blue", make_target("blue"))
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "fixed"}}
    with Traffic(balancer.port) as traffic:
        for priority in range(1, 8):
            condition = {"Field": "path-pattern", "Values": [f"/never/{priority}"]}
            rule = balancer.elb.create_rule(
                ListenerArn=balancer.listener, Priority=priority, Conditions=[condition], Actions=[fixed]
            )["Rules"][0]["RuleArn"]
            other = balancer.elb.create_listener(
                LoadBalancerArn=balancer.arn, Protocol="HTTP", Port=balancer.port + 1, DefaultActions=[fixed]
            )["Listeners"][0]["ListenerArn"]
            traffic.wait_for(60)
            balancer.elb.delete_rule(RuleArn=rule)
            balancer.elb.delete_listener(ListenerArn=other)
    traffic.assert_none_failed(at_least=400)


def test_a_killed_envoy_is_back_at_once_with_the_same_configuration(engine, balancer, make_target):
    balancer.register("blue", make_target("blue"))
    with Traffic(balancer.port) as traffic:
        (envoy,) = engine.envoys()
        os.kill(envoy, signal.SIGKILL)
        (again,) = wait_until(lambda: [pid for pid in engine.envoys() if pid != envoy])
        wait_until(lambda: names_or_nothing(balancer.port) == {"blue"})
        traffic.wait_for(50)  # those that were under way when it died end meanwhile
        failures = len(traffic.failures)
        traffic.wait_for(300)
        assert engine.envoys() == [again]
    assert failures > 0
    assert len(traffic.failures) == failures, "it was back, and a request failed"


def names_or_nothing(port):
    try:
        return names(port, 1).keys()
    except OSError:
        return set()
