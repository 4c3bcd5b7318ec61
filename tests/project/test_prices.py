"""The table of prices is a file to edit: mistakes are named with their place."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fairway.errors import UsageError
from fairway.project.prices import PACKAGED, load_prices


def test_the_packaged_table_is_exact():
    table = load_prices()
    rates = table.regions["us-east-1"].rates
    assert (rates["x86"].vcpu, rates["x86"].gb) == (Decimal("0.04048"), Decimal("0.004445"))
    assert (table.hours, table.currency, table.included_storage_gb) == (Decimal(720), "USD", Decimal(20))
    assert table.date


def test_a_region_may_have_its_own_discount(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(PACKAGED.read_text() + "spot_discount = 0.5\n")
    assert load_prices(path).regions["us-east-1"].spot_discount == Decimal("0.5")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("hours = 720", "hour = 720", "unknown key hour", id="unknown key"),
        pytest.param("hours = 720", "", "hours is missing or no number", id="missing"),
        pytest.param("hours = 720", 'hours = "720"', "hours is missing or no number", id="a text"),
        pytest.param("hours = 720", "hours = -1", "hours is -1", id="negative"),
        pytest.param("hours = 720", "hours = nan", "hours is NaN", id="no number"),
        pytest.param("vcpu = 0.04048", "cpu = 0.04048", "unknown key regions.us-east-1.x86.cpu", id="unknown rate"),
        pytest.param("gb = 0.004445, ", "", "regions.us-east-1.x86.gb is missing", id="missing rate"),
        pytest.param("spot_discount = 0.70", "spot_discount = 70", "70 is no share of 1", id="percent"),
        pytest.param("date =", "date", "prices.toml:8:6: not TOML", id="broken"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path, old, new, message):
    path = tmp_path / "prices.toml"
    assert old in PACKAGED.read_text()
    path.write_text(PACKAGED.read_text().replace(old, new, 1))
    with pytest.raises(UsageError) as error:
        load_prices(path)
    assert message in error.value.message
    assert "prices.toml:" in error.value.message
    assert error.value.hint


def test_a_missing_table_names_the_remedy(tmp_path):
    with pytest.raises(UsageError, match=r"nothing.toml does not exist"):
        load_prices(tmp_path / "nothing.toml")
