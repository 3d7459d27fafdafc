from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace as Namespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.accounting.manifest import MissingManifest
from curation.look.questions import UnknownPage, why
from curation.look.render.terminal import as_text
from curation.look.run import open_run


def document_id(number: int) -> str:
    return f"{number:032x}"


def test_a_dropped_page_tells_the_broken_rule(small_run: Path) -> None:
    (life,) = why(open_run(str(small_run)), document_id(8)).lives
    assert [(step.stage, step.state) for step in life.steps] == [("extract", "kept"), ("filter", "dropped")]
    (broken,) = life.steps[1].broken
    assert [broken[name] for name in ("name", "value", "min", "max")] == ["gopher.word_count", 2.0, 5.0, None]
    assert life.places == ()


def test_a_merged_page_names_what_it_was_merged_into(small_run: Path) -> None:
    (life,) = why(open_run(str(small_run)), document_id(11)).lives
    merge = life.steps[-1].merged_into
    assert merge is not None
    assert (merge.kept_id, merge.jaccard, merge.cluster_size) == (document_id(3), 0.85, 3)


def test_a_kept_page_names_its_duplicates_and_its_shard_rows(small_run: Path) -> None:
    (life,) = why(open_run(str(small_run)), document_id(3)).lives
    assert life.steps[-1].duplicate_count == 2
    assert [merge.jaccard for merge in life.steps[-1].duplicates] == [1.0, 0.85]
    assert [(place.row, place.start, place.length) for place in life.places] == [(0, 0, 28), (1, 28, 60)]


def test_a_url_captured_twice_has_two_stories(small_run: Path) -> None:
    story = why(open_run(str(small_run)), "https://pages.example/3")
    assert {life.id for life in story.lives} == {document_id(3), document_id(12)}


def test_a_record_that_stands_twice_is_merged_into_the_other_and_not_into_itself(
    judging: Namespace, tmp_path: Path
) -> None:
    first, second = judging.document(3), judging.document(3, offset=9000, url="https://pages.example/3")
    merged = {"name": "dedup.exact", "state": "merged", "value": 1.0, "min": None, "max": 1.0, "detail": None}
    rows = [first, second | {"merged_into": document_id(3), "reasons": [merged]}]
    path = judging.publish(tmp_path, "dedup", rows)
    (path / "clusters").mkdir()
    row = {"id": document_id(3), "kept_id": document_id(3), "jaccard": 1.0, "bands_shared": None}
    row |= {"cluster_size": 2, "reason": "dedup.exact"}
    pq.write_table(pa.Table.from_pylist([row]), path / "clusters" / "part-0.parquet")
    kept, other = why(open_run(str(tmp_path)), document_id(3)).lives
    if kept.steps[0].state == "merged":
        kept, other = other, kept
    assert "stands for an identical record with the same id, Jaccard 1.000" in kept.steps[0].lines()
    assert [*other.steps[0].lines()][-1] == (
        "merged into an identical record with the same id, input/web.warc.gz at 3,000, a cluster of 2"
    )


def test_measures_are_told_where_they_were_taken(small_run: Path) -> None:
    (life,) = why(open_run(str(small_run)), document_id(3)).lives
    assert [len(step.measures) for step in life.steps] == [0, 2, 0]


def test_json_holds_the_whole_story(small_run: Path) -> None:
    data = json.loads(json.dumps(why(open_run(str(small_run)), document_id(1)).to_json(), allow_nan=False))
    assert data["asked"] == document_id(1)
    (step,) = data["documents"][0]["steps"]
    assert step["state"] == "failed"
    assert step["broken"] == [
        {
            "name": "extract.timeout",
            "state": "failed",
            "value": 10.2,
            "min": None,
            "max": 10.0,
            "detail": "hung",
        }
    ]


def test_the_text_is_for_people(small_run: Path) -> None:
    text = as_text(why(open_run(str(small_run)), document_id(8)))
    for line in (
        "https://pages.example/8",
        "gopher.word_count: 2, allowed is at least 5",
        "gopher.mean_word_length: 3, as allowed, 3 to 40",
        "input/web.warc.gz at 8,000, 900 long",
    ):
        assert line in text
    kept = as_text(why(open_run(str(small_run)), document_id(3)))
    assert "web/shard.00000.mds row 1: 60 tokens from token 28 on" in kept
    assert f"stands for {document_id(11)}, Jaccard 0.850" in kept
    merged = as_text(why(open_run(str(small_run)), document_id(11)))
    assert f"merged into {document_id(3)}, Jaccard 0.850, a cluster of 3" in merged


def test_hostile_text_cannot_act_on_a_terminal(small_run: Path) -> None:
    text = as_text(why(open_run(str(small_run)), "javascript:alert(1)"))
    assert not re.search("[\x00\x1b\u202e]", text)
    assert "⟨001B⟩[31m" in text


def test_an_unknown_page_says_what_was_expected(small_run: Path) -> None:
    with pytest.raises(UnknownPage) as caught:
        why(open_run(str(small_run)), "https://pages.example/none")
    assert str(caught.value) == (
        f"{small_run}: no record has the id or URL 'https://pages.example/none'; expected an id (32 hex digits), "
        "a URL as captured, or an input's own id, of a record that entered extract, filter, dedup"
    )


def test_a_run_that_stopped_after_extract_has_a_story(small_run: Path, tmp_path: Path) -> None:
    (tmp_path / "extract").symlink_to(small_run / "extract")
    (life,) = why(open_run(str(tmp_path)), document_id(3)).lives
    assert [step.stage for step in life.steps] == ["extract"]


def test_an_unpublished_directory_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingManifest, match="no stage was published there"):
        why(open_run(str(tmp_path)), "x")
