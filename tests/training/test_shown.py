"""Pages of a run with hostile texts: no markup, nothing loaded, no change of writing direction."""

import json
import re

from curation.look.render.visible import visible
from training.report import curves, spikes

HOSTILE = '</pre><script>alert(1)</script><img src=http://x/y onerror="a()">\u202egnp.exe\u2066\x1b[2J\x00\ud800 \u200fend'
SHOWN = (
    "&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=http://x/y onerror=&#34;a()&#34;&gt;"
    "⟨202E⟩gnp.exe⟨2066⟩⟨001B⟩[2J⟨0000⟩⟨D800⟩ ⟨200F⟩end"
)
POLICY = (
    '<!doctype html><meta charset=utf-8><meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">"
)


def check_inert(page):
    assert page.startswith(POLICY)
    assert not re.search("<(script|img|iframe|link|object|a)\\b", page)
    assert visible(page) == page


def test_the_page_of_a_spike(tmp_path):
    document = {"id": HOSTILE, "start": 0, "length": 2, "loss": 9.0, "text": HOSTILE}
    row = {"slot": 0, "source": HOSTILE, "loss": 9.0, "shard": HOSTILE, "row": 1, "documents": [document]}
    page = spikes.page({"step": 3, "why": HOSTILE, "text": HOSTILE, "rows": [row]})
    check_inert(page)
    assert f"<pre>{SHOWN}</pre>" in page
    assert (
        page.count(SHOWN) == 7
    )  # why, what is said of the text, the table, the row's source and shard, id, text


def test_the_page_of_a_run(tmp_path):
    steps = [
        {"step": n, "tokens": 10 * (n + 1), "loss": 2.0, "source_losses": {HOSTILE: 2.0, "b": 1.0}, "grad_norm": 1.0,
         "lr": 0.1, "phase": HOSTILE, "data_wait_s": 0.0, "step_s": 1.0, "skipped": False, "tokens_per_s": 1.0}
        for n in range(3)
    ]  # fmt: skip
    score = {"step": 3, "tokens": 30, "set": HOSTILE, "bits_per_byte": 1.0, "digest": "d"}
    sample = {"step": 3, "tokens": 30, "prompt": HOSTILE, "text": HOSTILE}
    page = curves.page(HOSTILE, steps, json.loads(json.dumps([score])), [sample])
    check_inert(page)
    assert f"<pre><b>{SHOWN}</b>{SHOWN}</pre>" in page
    assert f"<h1>{SHOWN}: step 3, 30 tokens</h1>" in page
    assert "⟨202E⟩gnp.exe" in re.search(r"(?s)<svg.*?</svg>", page)[0]
