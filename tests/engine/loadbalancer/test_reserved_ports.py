from __future__ import annotations

from fairway.engine.loadbalancer.reserved_ports import ReservedPorts


def test_two_engines_never_promise_the_same_port(tmp_path):
    first, second = ReservedPorts(tmp_path / "ports"), ReservedPorts(tmp_path / "ports")
    assert first.reserve(8080)
    assert first.reserve(8080)
    assert not second.reserve(8080)
    assert second.reserve(8081)
    first.keep_only({9000})
    assert second.reserve(8080)
    second.close()
    assert first.reserve(8080)
    first.close()
