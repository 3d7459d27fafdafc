"""Estimates of a full run: their intervals hold the truth as often as they say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from curation.accounting.sample import sampled
from curation.look.questions.estimate import DUPLICATES, added, count_interval, estimate, total_interval
from curation.look.run import open_run, record_batches


@pytest.mark.parametrize("rate", [0.02, 0.2, 0.7])
@pytest.mark.parametrize("size", [40, 900])
def test_intervals_hold_the_truth_in_19_of_20_samples(size: int, rate: float) -> None:
    lengths = [100 + (7 * i) % 1_000 for i in range(size)]
    held = {"count": 0, "sum": 0, "both": 0}
    rounds = 200
    for salt in map(str, range(rounds)):
        taken = [length for i, length in enumerate(lengths) if sampled(str(i), rate, salt)]
        count = count_interval(len(taken), rate)
        total = total_interval(sum(taken), sum(each**2 for each in taken), rate)
        held["count"] += count.low <= size <= count.high
        held["sum"] += total.low <= sum(lengths) <= total.high
        other = count_interval(sum(sampled(f"b{i}", 0.5, salt) for i in range(300)), 0.5)
        both = added([count, other])
        held["both"] += both.low <= size + 300 <= both.high
    assert held["count"] / rounds > 0.91
    assert held["both"] / rounds > 0.91
    assert held["sum"] / rounds > (0.91 if size * rate > 10 else 0)


def test_a_run_on_whole_inputs_has_no_estimate(small_run: Path, judged: Path) -> None:
    assert estimate(open_run(str(small_run))) is None
    assert estimate(open_run(str(judged))) is None


def test_each_source_has_its_rate(judging: SimpleNamespace, small_run: Path, tmp_path: Path) -> None:
    stages = {
        stage: [
            row
            for batch in record_batches(open_run(str(small_run)), _NAMES, stage=stage)
            for row in batch.to_rows()
        ]
        for stage in ("extract", "dedup")
    }
    config = {"inputs": {"web": {"sample": 0.1}, "docs": {"sample": None}}}
    judging.publish(tmp_path, "extract", stages["extract"], config=config)
    judging.publish(tmp_path, "dedup", stages["dedup"])
    found = estimate(open_run(str(tmp_path)))
    assert found is not None
    lines = {(line.source, line.at): line for line in found.lines}
    assert lines["web", "in"].sampled == 6
    assert lines["web", "in"].documents == count_interval(6, 0.1)
    assert lines["docs", "in"].documents.text == "6"
    kept = [row for row in stages["dedup"] if row["state"] == "kept"]
    web = [row["characters"] for row in kept if row["source"] == "web"]
    assert lines["web", "dedup"].documents == count_interval(len(web), 0.1)
    assert lines["web", "dedup"].characters == total_interval(sum(web), sum(n**2 for n in web), 0.1)
    together = lines["all sources", "dedup"]
    assert together.documents.estimate == 10 * len(web) + len(kept) - len(web)
    assert DUPLICATES in found.notes


_NAMES = (
    "source",
    "characters",
    "characters_in",
    "state",
    "reasons",
    "measures",
    "edits",
    "metadata",
    "text",
)
