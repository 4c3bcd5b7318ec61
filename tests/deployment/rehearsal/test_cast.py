"""How long a quick rehearsal monitors."""

from __future__ import annotations

import pytest

from fairway.deployment.rehearsal.cast import parameter_for, quick_minutes


@pytest.mark.parametrize(
    ("minutes", "error_rate", "per_minute", "expected"),
    [
        pytest.param(15, None, 0, 5, id="tasks alone are judged"),
        pytest.param(3, None, 0, 3, id="never longer than the file says"),
        pytest.param(15, 0.001, 600, 6, id="3000 requests show 0.1 %"),
        pytest.param(15, 0.01, 600, 5, id="1 % is soon shown"),
        pytest.param(15, 0.001, 100, 15, id="too few requests: as long as the file says"),
        pytest.param(15, 0.001, 0, 5, id="without a load nothing can be shown"),
    ],
)
def test_quick_is_as_short_as_a_verdict_allows(minutes, error_rate, per_minute, expected):
    assert quick_minutes(minutes, error_rate=error_rate, requests_per_minute=per_minute) == expected


@pytest.mark.parametrize(
    ("reference", "parameter"),
    [
        ("cfn:network/Vpc", "ssm:/rehearsal/cfn/network/Vpc"),
        ("tfstate:s3://states/prod#output.subnets[0]", "ssm:/rehearsal/tfstate/s3/states/prod/output.subnets/0"),
    ],
)
def test_what_names_a_stack_or_a_state_names_a_parameter(reference, parameter):
    assert parameter_for(reference) == parameter
