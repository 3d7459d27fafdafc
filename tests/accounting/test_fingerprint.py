"""A fingerprint names everything that made an output; a digest does not care about order."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.accounting.digest import digest_row, digest_rows
from curation.accounting.fingerprint import canonical, fingerprint
from curation.accounting.sample import position, sampled
from curation.files.digests import digest_bytes, digest_file


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.floats(allow_nan=False), min_size=2))
def test_a_fingerprint_ignores_the_order_of_keys_only(parts: dict[str, object]) -> None:
    keys = list(parts)
    random.Random(0).shuffle(keys)
    assert fingerprint({key: parts[key] for key in keys}) == fingerprint(parts)
    assert fingerprint({**parts, keys[0]: "changed!"}) != fingerprint(parts)


def test_what_has_no_canonical_form_is_refused() -> None:
    with pytest.raises(TypeError, match="set has no canonical form"):
        canonical({"a": {1, 2}})


def test_a_file_and_its_bytes_have_one_digest(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"x" * 3_000_000)
    assert digest_file(str(path)) == digest_bytes(b"x" * 3_000_000)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.text() | st.none())), st.randoms())
def test_a_table_digest_ignores_order_and_sees_repeats(
    rows: list[dict[str, object]], rng: random.Random
) -> None:
    shuffled = list(rows)
    rng.shuffle(shuffled)
    assert digest_rows(map(digest_row, shuffled)) == digest_rows(map(digest_row, rows))
    if rows:
        assert digest_rows(map(digest_row, [*rows, rows[0]])) != digest_rows(map(digest_row, rows))


@given(st.lists(st.uuids().map(str), max_size=50), st.floats(0, 1), st.floats(0, 1))
def test_a_smaller_sample_lies_inside_a_larger(ids: list[str], a: float, b: float) -> None:
    small, large = ({i for i in ids if sampled(i, rate, "s")} for rate in sorted((a, b)))
    assert small <= large


def test_a_sample_has_the_size_asked_for() -> None:
    positions = [position(str(i), "salt") for i in range(10_000)]
    assert 0.08 < sum(p < 0.1 for p in positions) / 10_000 < 0.12
    assert abs(sum(positions) / 10_000 - 0.5) < 0.02
