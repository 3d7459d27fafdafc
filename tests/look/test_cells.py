"""What notebooks show: documents, pairs, histograms and curves, safe to look at."""

from __future__ import annotations

import re
from pathlib import Path

from curation.look import frames
from curation.look.render import cells


def test_cells_show_hostile_text_as_text(small_run: Path, metrics: Path) -> None:
    frame = frames.documents(str(small_run), "filter")
    shown = [
        cells.documents(frame),
        cells.pair(frames.pairs(str(small_run)).iloc[0]),
        cells.histograms(frames.measures(str(small_run)), frames.rules(str(small_run))),
        cells.loss(frames.training(str(metrics))),
    ]
    for cell in shown:
        html = cell._repr_html_()
        assert not re.search("<script|<img|<a |[\x00\x1b\u202e]", html)
    assert "&lt;script&gt;" in shown[0].html
    assert "<ins" in shown[1].html
    assert shown[2].html.count("<svg") == 2
    assert "main &amp; &lt;late&gt;" in shown[3].html
