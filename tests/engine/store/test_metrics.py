"""What was measured stays, within its bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairway.engine.model.metric import Datum, MetricKey, of_values
from fairway.engine.store.metrics import MINUTES_KEPT_SECONDS, MetricStore

if TYPE_CHECKING:
    from pathlib import Path

KEY = MetricKey("us-east-1", "shop", "orders", (("City", "Bern"),))
OTHER = MetricKey("us-east-1", "shop", "orders")
DAY = 86_400


def datum(at: int, value: float, key: MetricKey = KEY, *, high: bool = False, unit: str = "None") -> Datum:
    return Datum(key, at, of_values({value: 1.0}), unit, high_resolution=high)


def totals(store: MetricStore, key: MetricKey = KEY, resolution: int = 60) -> dict[int, float]:
    return {p.start: p.measured.total for p in store.points(key, 0, 1 << 40, resolution=resolution)}


def test_what_falls_into_a_minute_is_put_together() -> None:
    store = MetricStore()
    store.put([datum(0, 1), datum(59, 2), datum(60, 4), datum(0, 8, OTHER)])
    assert totals(store) == {0: 3, 60: 4}
    store.put([datum(30, 16)])
    assert totals(store) == {0: 19, 60: 4}
    assert totals(store, OTHER) == {0: 8}


def test_high_resolution_is_kept_beside_the_minute() -> None:
    store = MetricStore()
    store.put([datum(1, 1, high=True), datum(2, 2, high=True), datum(3, 4)])
    assert totals(store, resolution=1) == {1: 1, 2: 2}
    assert totals(store) == {0: 7}


def test_units_are_apart() -> None:
    store = MetricStore()
    store.put([datum(0, 1, unit="Count"), datum(0, 2, unit="Bytes")])
    points = store.points(KEY, 0, 60, resolution=60)
    assert {(point.unit, point.measured.total) for point in points} == {("Count", 1), ("Bytes", 2)}
    assert len(store.points(KEY, 0, 60, resolution=60, unit="Bytes")) == 1


def test_a_store_that_was_flushed_outlives_its_process(tmp_path: Path) -> None:
    store = MetricStore(tmp_path / "metrics.db")
    store.put([datum(120, 1)])
    store.note("n", "v")
    store.flush()
    # not closed, as after kill -9
    again = MetricStore(tmp_path / "metrics.db")
    assert totals(again) == {120: 1}
    assert again.noted("n") == "v"
    assert again.metrics("us-east-1") == [(KEY, 120)]


def test_a_broken_file_costs_the_metrics_and_not_the_engine(tmp_path: Path) -> None:
    path = tmp_path / "metrics.db"
    path.write_bytes(b"this is no database, and long enough to be looked at" * 50)
    store = MetricStore(path)
    store.put([datum(0, 1)])
    assert totals(store) == {0: 1}


def test_old_points_go_and_metrics_without_points_are_forgotten() -> None:
    store = MetricStore()
    now = 100 * DAY
    store.put(
        [datum(now - MINUTES_KEPT_SECONDS - 60, 1), datum(now, 2, OTHER), datum(now - 4 * 3600, 3, OTHER, high=True)]
    )
    store.expire(now)
    assert [key for key, _ in store.metrics("us-east-1")] == [OTHER]
    assert totals(store, OTHER, resolution=1) == {}
    assert totals(store, OTHER) == {now: 2, now - 4 * 3600: 3}


def test_what_is_too_much_goes_oldest_first_without_being_asked() -> None:
    store = MetricStore(most_points=100)
    for minute in range(500):
        store.put([datum(minute * 60, 1)])
        store.flush()
    left = totals(store)
    assert len(left) <= 110
    assert max(left) == 499 * 60


def test_clear_forgets_everything(tmp_path: Path) -> None:
    store = MetricStore(tmp_path / "metrics.db")
    store.put([datum(0, 1)])
    store.note("n", "v")
    store.flush()
    store.clear()
    assert (store.metrics("us-east-1"), totals(store), store.noted("n")) == ([], {}, None)
    store.put([datum(60, 1)])
    assert totals(store) == {60: 1}
