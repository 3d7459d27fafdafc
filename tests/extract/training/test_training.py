from __future__ import annotations

import json
import random
import sys
from functools import partial
from pathlib import Path

import pytest

from curation.extract.block_engine import BlockEngine
from curation.extract.training import __main__ as training
from curation.extract.training.__main__ import main
from curation.extract.training.fit import Fit

WORDS = [
    "the",
    "committee",
    "met",
    "on",
    "tuesday",
    "to",
    "review",
    "its",
    "proposal",
    "about",
    "water",
    "supply",
    "and",
    "land",
    "use",
    "in",
    "our",
    "county",
]


def page(seed: int) -> dict[str, str]:
    """A page with an article between a menu and a footer, and the article's text."""
    rng = random.Random(seed)
    paragraphs = [" ".join(rng.choices(WORDS, k=rng.randint(20, 40))).capitalize() + "." for _ in range(5)]
    menu = "".join(f"<li><a href=/{i}>{' '.join(rng.choices(WORDS, k=2))}</a></li>" for i in range(8))
    html = (
        f"<html><head><title>t</title></head><body><ul class=menu>{menu}</ul><div class='post-{seed % 2} post'>"
        + "".join(f"<p>{text}</p>" for text in paragraphs)
        + f"</div><div class=footer><a href=x>{' '.join(rng.choices(WORDS, k=6))}</a></div></body></html>"
    )
    return {
        "html": html,
        "text": "\n".join(paragraphs),
        "url": f"https://site{seed}.org/",
        "set": "ab"[seed % 2],
    }


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["training", *arguments])
    return main()


@pytest.fixture
def pages(tmp_path: Path) -> str:
    path = tmp_path / "pages.jsonl"
    path.write_text("".join(json.dumps(page(seed)) + "\n" for seed in range(12)))
    return str(path)


def test_a_model_is_trained_judged_and_used(
    pages: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("catboost")
    monkeypatch.setattr(training, "Fit", partial(Fit, trees=20, depth=3))
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    assert run(monkeypatch, pages, "--out", str(one), "--floor", "0.9") == 0
    assert run(monkeypatch, pages, "--out", str(two), "--unjudged") == 0
    assert one.read_bytes() == two.read_bytes()
    card = json.loads(Path(f"{one}.json").read_text())
    assert card["sets"] == {"a": 6, "b": 6}
    assert [row["name"] for row in card["splits"]["set"]] == ["a", "b", "all"]
    assert card["splits"]["site"][-1]["pages"] == 12
    unseen = page(99)
    found = BlockEngine(str(one))(unseen["html"])
    assert found.text.split() == unseen["text"].split()
    assert found.engine == f"blocks-{card['digest'][-8:]}"
    capsys.readouterr()
    assert run(monkeypatch, pages, "--out", str(two), "--without", "a", "--unjudged") == 0
    assert json.loads(Path(f"{two}.json").read_text())["sets"] == {"b": 6}
    two.unlink()
    assert run(monkeypatch, pages, "--out", str(two), "--floor", "1.01") == 1
    assert capsys.readouterr().err.endswith("on pages of other sites; the floor is 1.01\n")
    assert not two.exists()


def test_mistakes_are_said(
    pages: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.jsonl"
    for text, message in (
        (
            "{",
            f"{bad}, line 1: is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        ('{"html": "", "text": ""}', f"{bad}, line 1: has no url, set; expected html, text, url, set"),
        (
            '{"html": "", "text": "", "url": "", "set": ""}',
            "no page has text in it; expected HTML pages and their main text",
        ),
    ):
        bad.write_text(text)
        assert run(monkeypatch, str(bad), "--out", "x.npz") == 2
        assert capsys.readouterr().err == f"{message}\n"
    assert run(monkeypatch, pages, "--out", "x.npz", "--without", "c") == 2
    assert capsys.readouterr().err == "--without c: no page is of it; the sets are a, b\n"
    assert run(monkeypatch, pages, "--out", "x.npz", "--floor", "0.5", "--unjudged") == 2
    assert (
        capsys.readouterr().err == "--unjudged: nothing tells whether the --floor is met; give one of them\n"
    )
