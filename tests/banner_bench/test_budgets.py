"""The bench must fail when ours costs too much, and must say how much too much."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.banner_bench.budgets import Row, Rows, bytes_over, first_view_over, script_over
from tests.banner_bench.views import Cost, Wire

COST = Cost(
    script=10.0,
    task=100.0,
    paint=300.0,
    largest=400.0,
    element="img",
    shift=0.0,
    long=0,
    blocking=0.0,
)


def rows(ours: Cost = COST, visible: float = 210.0) -> Rows:
    return {
        "none": Row([], [COST, replace(COST, largest=420.0), replace(COST, largest=380.0)]),
        "floor": Row([190.0, 200.0, 900.0], [COST] * 3),
        "pixelgate": Row([visible, 100.0, 900.0], [ours] * 3),
        "orejime": Row([450.0] * 3, [COST] * 3),
    }


def test_costs_like_the_floors_are_accepted() -> None:
    assert list(first_view_over("desktop-4x", rows())) == []


@pytest.mark.parametrize(
    ("ours", "fault"),
    [
        (replace(COST, script=60.0), "script time: 50.0 ms over the bare page's; at most 45 ms"),
        (replace(COST, shift=0.0004), "layout shift 0.0004; exactly 0"),
        (replace(COST, long=1), "long tasks: 1; at most 0"),
        (replace(COST, paint=401.0), "first paint: 101 ms after the bare page's; at most 100 ms"),
        (replace(COST, largest=520.0), "largest paint: 120 ms after the bare page's"),
    ],
)
def test_each_cost_over_its_budget_is_named_with_its_figure(ours: Cost, fault: str) -> None:
    (found,) = first_view_over("desktop-4x", rows(ours))
    assert found.startswith(f"desktop-4x: {fault}")


def test_one_shifted_view_among_many_is_a_fault() -> None:
    found = rows()
    found["pixelgate"].costs[1] = replace(COST, shift=0.01)
    assert list(first_view_over("phone", found)) == ["phone: layout shift 0.0100; exactly 0"]


def test_a_late_paint_within_twice_the_bare_pages_spread_is_noise() -> None:
    found = rows(replace(COST, largest=550.0))
    found["none"] = Row([], [replace(COST, largest=late) for late in (300.0, 400.0, 500.0)])
    assert list(first_view_over("desktop-4x", found)) == []


def test_a_banner_later_than_the_floor_or_than_a_peer_is_a_fault() -> None:
    late, behind = first_view_over("desktop", rows(visible=480.0))
    assert "140% later than the floor; at most 15% (250 ms over)" in late
    assert "painted after 480 ms; before orejime, whose was after 450 ms" in behind


def test_a_peer_that_holds_the_first_paint_back_is_not_ahead_by_that() -> None:
    found = rows()
    found["orejime"] = Row([150.0] * 3, [replace(COST, paint=310.0)] * 3)
    assert list(first_view_over("desktop", found)) == []


def test_script_time_is_not_judged_where_the_processor_is_not_slowed_down() -> None:
    assert list(first_view_over("desktop", rows(replace(COST, script=60.0)))) == []


def test_the_returning_visit_has_its_own_budget() -> None:
    (fault,) = script_over("returning visit", rows(replace(COST, script=40.0)), 25.0)
    assert "30.0 ms over the bare page's; at most 25 ms (5.0 ms over)" in fault


def test_bytes_and_requests_over_their_budgets_are_counted() -> None:
    assert list(bytes_over("first visit", Wire(2, 9_000), 9_000)) == []
    assert list(bytes_over("first visit", Wire(3, 9_100), 9_000)) == [
        "first visit: 9,100 bytes; at most 9,000 (100 over)",
        "first visit: 3 requests; at most 2",
    ]
