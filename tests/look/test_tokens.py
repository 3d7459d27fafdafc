from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace as Namespace

import pyarrow as pa
import pytest

from curation.accounting.manifest import read_manifest
from curation.accounting.settle import SETTLED
from curation.accounting.tally import tally
from curation.look.run.tokens import kept_rates


@pytest.mark.parametrize(
    ("by", "streams", "rates"),
    [
        (["source"], {"web": (2, 90), "docs": (1, 10)}, {"": 0.25, "web": 0.3, "docs": 0.1}),
        (["source", "language"], {"web.en": (1, 50), "web.de": (1, 40), "docs.en": (1, 10)},
         {"": 0.25, "web": 0.3, "docs": 0.1}),
        (["language"], {"web": (2, 90), "docs": (1, 10)}, {"": 0.25}),
        (["source"], {"web": (3, 100), "docs": (1, 10)}, {"": 0.25, "docs": 0.1}),
    ],
)  # fmt: skip
def test_a_source_whose_tokens_were_counted_has_its_own_rate(
    judging: Namespace,
    tmp_path: Path,
    by: list[str],
    streams: dict[str, tuple[int, int]],
    rates: dict[str, float],
) -> None:
    texts = [("web", 100), ("web", 200), ("docs", 100)]
    rows = [judging.document(n, source=source, text="x" * size) for n, (source, size) in enumerate(texts)]
    settled = pa.RecordBatch.from_pylist([row | {"state": "kept"} for row in rows], schema=SETTLED)
    ledger = tally("shard", settled)
    ledger.tokens = {"in": 100, "kept": 100, "padding": 0}
    detail = {"streams": {name: {"documents": n, "tokens": m} for name, (n, m) in streams.items()}}
    path = judging.publish(tmp_path, "shard", [], config={"by": by}, detail=detail, ledger=ledger.to_json())
    assert kept_rates(read_manifest(str(path))) == pytest.approx(rates)
