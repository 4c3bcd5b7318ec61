"""Statistics in Docker's shape, from which a client works out what Docker's own client would show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fairway.engine.loops.container_stats import Samples, docker_stats, system_cpu_seconds
from fairway.engine.runtime.protocol import ContainerRef, Usage

T0 = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
REF = ContainerRef("0" * 32, "app")
MIB = 1024 * 1024


def shown(samples):
    known = samples.of(REF)
    assert known is not None
    return docker_stats(known, name="app", docker_id="id", cpus=2, memory_limit_mib=256)


def test_two_samples_give_the_rate_that_docker_shows():
    samples = Samples.none()
    samples.take(REF, Usage(1.0, 100 * MIB), T0, 50.0)
    samples.take(REF, Usage(1.5, 80 * MIB), T0 + timedelta(seconds=1), 52.0)
    stats = shown(samples)
    assert (stats["read"], stats["preread"]) == ("2026-11-27T12:00:01Z", "2026-11-27T12:00:00Z")
    now, before = stats["cpu_stats"], stats["precpu_stats"]
    used = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    system = now["system_cpu_usage"] - before["system_cpu_usage"]
    assert used / system * now["online_cpus"] * 100 == 50.0, "as `docker stats` works out the CPU %"
    assert stats["memory_stats"]["usage"] == 80 * MIB
    assert stats["memory_stats"]["max_usage"] == 100 * MIB
    assert stats["memory_stats"]["limit"] == 256 * MIB


def test_a_first_sample_has_none_before_it():
    samples = Samples.none()
    assert samples.of(REF) is None
    samples.take(REF, Usage(1.0, MIB), T0, 50.0)
    stats = shown(samples)
    assert stats["preread"] == "0001-01-01T00:00:00Z"
    assert stats["precpu_stats"] == {"cpu_usage": {"total_usage": 0}}


def test_containers_that_are_gone_are_forgotten():
    samples = Samples.none()
    samples.take(REF, Usage(1.0, MIB), T0, 50.0)
    samples.keep_only(set())
    assert samples.of(REF) is None


def test_the_machine_counts_its_processors():
    before = system_cpu_seconds()
    assert before > 0
    assert system_cpu_seconds() >= before
