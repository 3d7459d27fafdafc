from __future__ import annotations

import random

import numpy as np
import pytest

from curation.extract.block_engine import BlockEngine
from curation.extract.classifier.columns.names import NameScores
from curation.extract.classifier.columns.sums import sums
from curation.extract.classifier.columns.table import features
from curation.extract.classifier.engine import BlockClassifier
from curation.extract.classifier.model import Model, load
from curation.extract.classifier.walk import walk
from curation.extract.extraction import Extraction

SENTENCE = "The committee met on Tuesday to review the proposal about the water supply. "
PAGE = (
    "<html><head><title>Water and land</title></head><body><nav><ul><li><a href=/>Home page link</a></li>"
    "<li><a href=/x>Other link</a></li></ul></nav><article><h1>Water and land</h1>"
    f"<p>{SENTENCE * 4}</p><ul><li>{SENTENCE}</li></ul><blockquote>{SENTENCE}</blockquote>"
    "<table><tr><th>Name</th><th>A|B</th></tr><tr><td>apples</td><td>12</td></tr></table>"
    f"<pre>def f():\n    return 1</pre><p>{SENTENCE * 4}</p></article></body></html>"
)


def random_page(seed: int) -> str:
    rng = random.Random(seed)
    parts = []
    for _ in range(rng.randint(0, 30)):
        tag, name = (
            rng.choice(["p", "div", "li", "td", "h2"]),
            rng.choice(["content", "nav", "comment", "x y"]),
        )
        text = SENTENCE * rng.randint(0, 3) or rng.choice(["Home", "12 comments", "Ärger, 東京", "|"])
        link = rng.random() < 0.3
        parts.append(f"<{tag} class='{name}'>{'<a href=x>' * link}{text}{'</a>' * link}")
        parts += ["</div>"] * (rng.random() < 0.3)
    return "".join(parts)


@pytest.fixture(scope="module")
def engine() -> BlockEngine:
    return BlockEngine()


def test_main_content_is_kept_and_counted(engine: BlockEngine) -> None:
    found = engine(PAGE)
    assert found.text.startswith(f"# Water and land\n\n{(SENTENCE * 4).strip()}\n")
    assert found.text.endswith((SENTENCE * 4).strip())
    assert "link" not in found.text
    assert found.engine == f"blocks-{load().digest}"
    assert 0.5 < found.counts["confidence"] <= 1
    assert {name: count for name, count in found.counts.items() if name.endswith("_seen")} == {
        "table_cells_seen": 4, "list_items_seen": 3, "captions_seen": 0, "code_blocks_seen": 1,
    }  # fmt: skip


def test_what_is_made_of_a_page_does_not_depend_on_those_beside_it(engine: BlockEngine) -> None:
    pages = [PAGE, "", *(random_page(seed) for seed in range(40)), PAGE]
    together = engine.extract_all([(page, engine.source(page)) for page in pages])
    assert together == [engine(page) for page in pages]


def test_every_column_is_finite_and_the_same_beside_others() -> None:
    pages = [BlockEngine().source(random_page(seed)) for seed in range(20)]
    scores = NameScores(lambda name: float(len(name) % 3 - 1))
    batch = walk(pages)
    names, table = features(batch, sums(batch), scores)
    assert len(names) == len(set(names)) == len(table)
    assert np.isfinite(table).all()
    for i, page in enumerate(pages):
        alone = walk([page])
        if alone.blocks.text:
            part = table[:, batch.blocks.page_at[i] : batch.blocks.page_at[i + 1]]
            assert (features(alone, sums(alone), scores)[1] == part).all()


def test_a_cascade_gives_pages_that_are_not_sure_to_a_second_engine() -> None:
    given: list[str] = []

    def second(html: str) -> Extraction:
        given.append(html)
        return Extraction(text="other" if "water" in html else "", title="", engine="second-1")

    sure = BlockEngine()(PAGE).counts["confidence"]
    below, above = BlockEngine(below=sure, second=second), BlockEngine(below=1.0, second=second)
    assert below(PAGE) == BlockEngine()(PAGE)
    assert not given
    found = above(PAGE)
    assert (found.text, found.counts) == ("other", {"confidence": sure, "cascaded": 1.0})
    assert found.engine == f"blocks-{load().digest}+second-1"
    none = "<p>A page of other words, and no more than these.</p>"
    assert above(none) == BlockEngine()(none)  # the second finds nothing
    long = f"<p>{SENTENCE}</p><!-- {'x' * 2**20} -->"
    assert above(long) == BlockEngine()(long)
    assert given == [PAGE, none]


def test_a_model_of_other_columns_is_refused() -> None:
    model = load()
    other = BlockClassifier(Model(model.columns[1:], model.trees, model.odds))
    with pytest.raises(
        ValueError, match=r"^the model was trained on other columns than this version computes$"
    ):
        other.extract(["<html><body><p>words</p></body></html>"])
