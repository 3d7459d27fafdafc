"""The page of curves: whole, small, and honest about what is missing."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from training.report.curves import main, write_curves


def metrics(out, count, **changed):
    out.mkdir()
    lines = [
        {
            "step": n,
            "loss": None if n == 7 else 4 - 0.01 * n,
            "source_losses": {"docs": 4 - 0.01 * n, "web": 3.0} if n % 3 else {"web": 3.0},
            "grad_norm": 1.0,
            "lr": 0.001,
            "phase": "<broad> 段 $x_1$" if n < count // 2 else "anneal",
            "data_wait_s": 0.01,
            "step_s": 1.0,
            "skipped": n == 7,
            "tokens": (n + 1) * 1000,
            "tokens_per_s": 1000.0,
            "mfu": None,
            **changed,
        }
        for n in range(count)
    ]
    (out / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def panels(page):
    """Title -> the panel, parsed."""
    found = re.findall(r"<h2>([^<]*)</h2>\n(<svg.*?</svg>)", page, flags=re.DOTALL)
    return {title: ElementTree.fromstring(svg) for title, svg in found}


def drawn(panel, colour):
    """The points of each path of a colour, filled or not: (n, 2)."""
    paths = [path.get("d") for path in panel.iter("path") if colour in path.get("style", "")]
    return [np.array(re.findall(r"-?[\d.]+", path), float).reshape(-1, 2) for path in paths]


def test_phases_are_shaded_and_sources_named(tmp_path):
    metrics(tmp_path / "run", 40)
    page = write_curves(tmp_path / "run").read_text()
    found = panels(page)
    assert list(found) == [
        "Training loss, nats a token",
        "Gradient norm, before clipping",
        "Learning rate",
        "Tokens a second",
        "Share of the time spent waiting for data",
    ]
    loss = found["Training loss, nats a token"]
    texts = [text.text.strip() for text in loss.iter("text")]
    assert {"<broad> 段 $x_1$", "anneal"} <= set(texts)
    assert [text.split()[0] for text in texts if re.fullmatch(r"\w+ [\d.]+", text)] == ["all", "docs", "web"]
    broad, anneal = (drawn(loss, colour)[0][:, 0] for colour in ("#f4f6fb", "#fdf3e7"))
    assert broad.max() == anneal.min()
    assert np.ptp(broad) == pytest.approx(np.ptp(anneal), abs=1e-3)
    assert len(drawn(loss, "#cc0000")) == 1
    assert "<p>Steps left out, marked red: 7</p>" in page
    assert "://" not in page  # it needs nothing from elsewhere


def test_a_long_run_is_a_small_page(tmp_path):
    metrics(tmp_path / "run", 20_000)
    path = write_curves(tmp_path / "run")
    assert path.stat().st_size < 400_000
    loss = panels(path.read_text())["Training loss, nats a token"]
    for colour in ("#999999", "#222222", "#0072b2", "#d55e00"):
        line = max(drawn(loss, colour), key=len)
        assert 2 <= len(line) <= 900
        assert (np.diff(line[:, 0]) >= 0).all()


def test_scores_of_another_text_are_not_joined(tmp_path):
    metrics(tmp_path / "run", 20)
    scores = [
        {
            "step": n,
            "tokens": n * 1000,
            "set": "_docs 段 $x_1$",
            "digest": "old" if n < 10 else "new",
            "bits_per_byte": 2.0,
        }
        for n in (5, 9, 12, 20)
    ]
    scores += [{**scores[-1], "set": "task", "digest": "t", "accuracy": 0.5, "answer_bits_per_byte": 1.0}]
    del scores[-1]["bits_per_byte"]
    (tmp_path / "run" / "evals.jsonl").write_text("".join(json.dumps(line) + "\n" for line in scores))
    sample = {"step": 20, "tokens": 20_000, "prompt": "a <b", "text": " & c"}
    (tmp_path / "run" / "samples.jsonl").write_text(json.dumps(sample) + "\n")
    page = write_curves(tmp_path / "run").read_text()
    line, _ = drawn(panels(page)["Held-out text, bits per byte"], "#0072b2")
    assert len(line) == 2  # the other is the legend's
    assert ">_docs 段 $x_1$ 2<" in page
    assert "Tasks, share right" in page
    assert "<b>a &lt;b</b> &amp; c" in page


def test_the_command_says_what_it_drew_or_what_is_missing(tmp_path, capsys):
    metrics(tmp_path / "run", 3, mfu=0.4)
    assert main([str(tmp_path / "run")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'run' / 'curves.html'}\n"
    (tmp_path / "run" / "metrics.jsonl").write_text("")
    assert main([str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path / 'run' / 'metrics.jsonl'}: expected the metrics of a run, found none\n"
    )
