from __future__ import annotations

import pytest

from taskmanager.faults import NONE, Faults, begin, parse_faults


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", NONE, id="nothing is wrong by default"),
        pytest.param(" , ,", NONE, id="empty parts are nothing"),
        pytest.param("crash_at_start", Faults(crash_at_start=True), id="a flag"),
        pytest.param("crash_after=1.5", Faults(crash_after=1.5), id="seconds may have a fraction"),
        pytest.param("error_rate=0.05", Faults(error_rate=0.05), id="a rate"),
        pytest.param("error_rate=1", Faults(error_rate=1.0), id="every request may fail"),
        pytest.param("latency_ms=300", Faults(latency_ms=300.0), id="milliseconds"),
        pytest.param("slow_start=0", Faults(slow_start=0.0), id="zero is a number"),
        pytest.param("unhealthy_after=20", Faults(unhealthy_after=20.0), id="unhealthy later"),
        pytest.param("leak_mb_per_second=5", Faults(leak_mb_per_second=5.0), id="a leak"),
        pytest.param(
            " ignore_sigterm , latency_ms = 10 ",
            Faults(ignore_sigterm=True, latency_ms=10.0),
            id="several, with spaces",
        ),
    ],
)
def test_faults_are_parsed(text, expected):
    assert parse_faults(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("eror_rate=0.1", "unknown fault 'eror_rate'; did you mean 'error_rate'?", id="misspelt"),
        pytest.param("xyz", "unknown fault 'xyz'; known are crash_at_start", id="unknown"),
        pytest.param("crash_at_start=1", "crash_at_start takes no value", id="a flag with a value"),
        pytest.param("ignore_sigterm=", "ignore_sigterm takes no value", id="a flag with an equals sign"),
        pytest.param("crash_after", "crash_after needs a number of 0 or more: crash_after=NUMBER", id="no value"),
        pytest.param("latency_ms=fast", "latency_ms needs a number of 0 or more", id="no number"),
        pytest.param("crash_after=-1", "crash_after=-1: a number of 0 or more is needed", id="negative"),
        pytest.param("error_rate=1.5", "error_rate=1.5: a number from 0 to 1 is needed", id="a rate above 1"),
        pytest.param("error_rate=nan", "error_rate=nan: a number from 0 to 1 is needed", id="not a number"),
        pytest.param("slow_start=inf", "slow_start=inf: a number of 0 or more is needed", id="without end"),
        pytest.param("latency_ms=1,latency_ms=2", "latency_ms is given twice", id="repeated"),
    ],
)
def test_what_is_malformed_is_refused(text, message):
    with pytest.raises(ValueError) as caught:
        parse_faults(text)
    assert str(caught.value).startswith(message)


def test_a_release_that_cannot_start_raises():
    with pytest.raises(RuntimeError, match="crash_at_start: this release cannot start"):
        begin(Faults(crash_at_start=True))
