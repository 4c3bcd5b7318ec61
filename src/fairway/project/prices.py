"""The table of prices: a file to edit, with its date, region by region."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.project.text import did_you_mean, place
from fairway.project.toml_file import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGED: Final = Path(__file__).with_name("prices.toml")
_KEYS: Final = frozenset({"date", "currency", "hours", "included_storage_gb", "spot_discount", "regions"})
_REGION_KEYS: Final = frozenset({"x86", "arm", "spot_discount"})
_RATES: Final = frozenset({"vcpu", "gb", "storage_gb"})


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices per hour of one architecture."""

    vcpu: Decimal
    gb: Decimal
    storage_gb: Decimal
    """Beyond what is included."""


@dataclass(frozen=True, slots=True)
class RegionPrices:
    """Prices of one region."""

    rates: Mapping[str, Rates]
    """By architecture: `x86`, `arm`."""
    spot_discount: Decimal
    """0.70: FARGATE_SPOT costs 30 % of FARGATE."""


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices with their date and file."""

    path: Path
    date: str
    currency: str
    hours: Decimal
    """Of a month."""
    included_storage_gb: Decimal
    regions: Mapping[str, RegionPrices] = field(default_factory=dict)


def load_prices(path: Path | None = None) -> PriceTable:
    """The project's table of prices, else the one that comes with Fairway.

    Raises:
        UsageError: it cannot be read, or a member is unknown, missing or no number; names file and line.
    """
    path = path or PACKAGED
    if not path.is_file():
        raise UsageError(f"{path} does not exist", hint="create it, or correct prices in fairway.toml")
    document = read_toml(path, parse_float=Decimal)
    _check_keys(document, _KEYS, path)
    discount = _number(document, "spot_discount", path)
    regions = {
        name: _region(table, discount, path, "regions", name)
        for name, table in _table(document, "regions", path).items()
    }
    return PriceTable(
        path=path,
        date=str(document.get("date", "")),
        currency=str(document.get("currency", "USD")),
        hours=_number(document, "hours", path),
        included_storage_gb=_number(document, "included_storage_gb", path),
        regions=regions,
    )


def _region(table: Any, discount: Decimal, path: Path, *keys: str) -> RegionPrices:
    _check_keys(table, _REGION_KEYS, path, *keys)
    rates = {}
    for architecture in ("x86", "arm"):
        if architecture in table:
            found = table[architecture]
            _check_keys(found, _RATES, path, *keys, architecture)
            rates[architecture] = Rates(
                **{name: _number(found, name, path, *keys, architecture) for name in sorted(_RATES)}
            )
    own = _number(table, "spot_discount", path, *keys) if "spot_discount" in table else discount
    if not 0 <= own <= 1:
        raise UsageError(f"{place(path, *keys, 'spot_discount')}: {own} is no share of 1", hint="0.70 is 70 % less")
    return RegionPrices(rates, own)


def _check_keys(table: Any, known: frozenset[str], path: Path, *keys: str) -> None:
    if not isinstance(table, dict):
        raise UsageError(f"{place(path, *keys)}: {'.'.join(keys)} must be a table", hint=f"compare it with {PACKAGED}")
    for key in table:
        if key not in known:
            raise UsageError(
                f"{place(path, *keys, key)}: unknown key {'.'.join((*keys, key))}", hint=did_you_mean(key, known)
            )


def _table(document: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
    table = document.get(key, {})
    if not isinstance(table, dict):
        raise UsageError(f"{place(path, key)}: {key} must be a table", hint=f"compare it with {PACKAGED}")
    return table


def _number(table: Mapping[str, Any], key: str, path: Path, *keys: str) -> Decimal:
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise UsageError(
            f"{place(path, *keys, key)}: {'.'.join((*keys, key))} is missing or no number",
            hint=f"compare it with {PACKAGED}",
        )
    number = Decimal(value)
    if not number.is_finite() or number < 0:
        raise UsageError(f"{place(path, *keys, key)}: {'.'.join((*keys, key))} is {number}", hint="0 or more")
    return number
