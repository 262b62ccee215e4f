"""Several processes tell one set of figures."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from consent.web.metrics import Answered, Metrics
from consent.web.tally import LIVE_SECONDS, Figure, Tally


def a_process(folder: Path, name: str, figures: list[Figure]) -> Tally:
    tally = Tally([lambda: figures], folder)
    tally._path = folder / f"{name}.json"  # as another process would call its own
    return tally


def values(tally: Tally) -> dict[str, float]:
    return {figure.name: figure.value for figure in tally.figures()}


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    return tmp_path / "shared"


def test_processes_are_summed_and_the_one_asked_counts_as_it_is_now(shared):
    other = a_process(shared, "1", [Figure("n", "", 3), Figure("age", "", 9, "gauge", over="max")])
    mine = a_process(shared, "2", [Figure("n", "", 4), Figure("age", "", 5, "gauge", over="max")])
    other.write()
    assert values(mine) == {"n": 7, "age": 9}
    mine.write()
    assert values(mine) == {"n": 7, "age": 9}
    assert values(other) == {"n": 7, "age": 9}


def test_who_has_ended_still_counts_but_waits_no_more(shared):
    ended = a_process(shared, "1", [Figure("n", "", 3), Figure("waiting", "", 8, "gauge")])
    ended.write()
    long_ago = time.time() - 2 * LIVE_SECONDS
    os.utime(shared / "1.json", (long_ago, long_ago))
    mine = a_process(shared, "2", [Figure("n", "", 4), Figure("waiting", "", 1, "gauge")])
    assert values(mine) == {"n": 7, "waiting": 1}


@pytest.mark.parametrize("left", [b"", b"{", b'[["n"]]', b'[["n", "", "x"]]', b"\xff"])
def test_a_file_that_is_no_list_of_figures_is_left_out(shared, left):
    mine = a_process(shared, "2", [Figure("n", "", 4)])
    (shared / "1.json").write_bytes(left)
    assert values(mine) == {"n": 4}


def test_a_folder_that_others_may_write_to_is_not_used(shared):
    shared.mkdir()
    shared.chmod(0o777)
    (shared / "1.json").write_bytes(b'[["n", "", 1000]]')
    assert values(Tally([lambda: [Figure("n", "", 4)]], shared)) == {"n": 4}


def test_a_folder_that_is_a_link_elsewhere_is_not_used(shared, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    shared.symlink_to(elsewhere)
    Tally([lambda: [Figure("n", "", 4)]], shared).write()
    assert list(elsewhere.iterdir()) == []


def test_it_leaves_its_last_figures_when_it_stops(shared):
    counted = [Figure("n", "", 1), Figure("waiting", "", 1, "gauge")]

    async def work() -> None:
        tally = a_process(shared, "1", counted)
        tally.start()
        await asyncio.sleep(0)
        counted[0] = Figure("n", "", 2)
        await tally.stop()

    asyncio.run(work())
    assert values(a_process(shared, "2", [Figure("n", "", 5)])) == {"n": 7}


def test_a_histogram_of_two_processes_is_one(shared):
    slow, quick = Answered(), Answered()
    slow.stored("accept_all", 0.3)
    quick.stored("accept_all", 0.002)
    quick.stored("reject_all", 0.002)
    quick.refusals["contradiction"] += 2
    a_process(shared, "1", list(slow.figures())).write()
    text = Metrics(a_process(shared, "2", list(quick.figures()))).text().decode()
    assert 'pixelgate_decision_seconds_bucket{le="0.0025"} 2.0' in text
    assert 'pixelgate_decision_seconds_bucket{le="0.25"} 2.0' in text
    assert 'pixelgate_decision_seconds_bucket{le="0.5"} 3.0' in text
    assert 'pixelgate_decision_seconds_bucket{le="+Inf"} 3.0' in text
    assert "pixelgate_decision_seconds_count 3.0" in text
    assert "pixelgate_decision_seconds_sum 0.304" in text
    assert 'pixelgate_decisions_answered_total{action="accept_all"} 2.0' in text
    assert 'pixelgate_posts_refused_total{reason="contradiction"} 2.0' in text
