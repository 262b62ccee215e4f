"""The report of ``make bench``: its titles tell what was run, and it keeps what was run by hand."""

from __future__ import annotations

from tests import bench, bench_banner, bench_report
from tests.bench_report import Part


def test_a_title_tells_how_many_records_this_run_filled_in():
    growth = [task for task in bench.TASKS if task.word == "growth"]
    for quick, numbers in ((False, ("100,000", "1,000,000")), (True, ("10,000", "100,000"))):
        titles = [task.titled(quick=quick) for task in growth]
        assert titles == [f"Durable decisions after {number} records" for number in numbers]
        for task, number in zip(growth, numbers, strict=True):
            assert number.replace(",", "") in task.given(quick=quick)


def test_what_was_run_by_hand_survives_the_next_report(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_report, "PAGE", tmp_path / "BENCHMARKS.md")
    monkeypatch.setattr(bench_report, "PLOT", tmp_path / "bench.svg")
    part = Part("Bytes", "python -m tests.bench --only bytes", "| measured |", 3.0, "")
    bench_report.write([part], "one", 0.0)
    assert bench_report.BY_HAND not in bench_report.PAGE.read_text()
    with bench_report.PAGE.open("a") as page:
        page.write(f"{bench_report.BY_HAND}\n\nTen million records.\n")
    for command in ("two", "three"):
        bench_report.write([part], command, 0.0)
        text = bench_report.PAGE.read_text()
        assert f"Written by `{command}`" in text
        assert text.endswith("| measured |\n\n## Run by hand\n\nTen million records.\n")


def test_without_a_peer_nothing_is_proven_and_make_bench_fails(monkeypatch, capsys):
    monkeypatch.setattr(bench_banner, "peers", lambda: ([], "npm was not found"))
    monkeypatch.setattr(bench_banner, "measure", lambda *_: [])
    assert bench_banner.main([]) == 0
    assert "Nothing is proven beside vanilla-cookieconsent, orejime" in capsys.readouterr().out
    assert bench_banner.main(["--require-peers"]) == 1
    (banner,) = (task for task in bench.TASKS if task.word == "banner")
    assert banner.given(quick=False) == ["--require-peers"]
