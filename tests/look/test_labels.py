from __future__ import annotations

import http.client
import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace as Namespace

import fsspec
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.cli import main
from curation.look.label import page as labelling
from curation.look.label.marks import HumanLabel, agreement, export, read_labels, share, weighed, write_labels
from curation.look.label.page import LabelStore, draw, label_page
from curation.look.label.server import LocalPage
from curation.look.run import Original, open_run

WEIGHED = st.lists(st.tuples(st.booleans(), st.floats(0.1, 100)), min_size=1, max_size=50)


def label(number: int, mark: str, weight: float = 1.0) -> HumanLabel:
    return HumanLabel(
        id=f"{number:032x}", mark=mark, note="", weight=weight, marked_at="2026-01-01T00:00:00+00:00"
    )  # type: ignore[arg-type]


@pytest.fixture
def run(judging: Namespace, tmp_path: Path) -> str:
    """A run of its own, for marks are written beside it."""
    return str(judging.write(tmp_path / "run"))


@given(WEIGHED)
def test_a_share_lies_in_its_interval(found: list[tuple[bool, float]]) -> None:
    told = share(found)
    assert 0 <= told.low <= told.value + 1e-9
    assert told.value - 1e-9 <= told.high <= 1
    assert told.total <= len(found) + 1e-6
    equal = share([(true, 1.0) for true, _ in found])
    assert math.isclose(equal.total, len(found))


def test_an_interval_is_wilsons() -> None:
    """8 of 10: 0.490 to 0.943, as in tables of the score interval (Newcombe 1998's method 3)."""
    told = share([(n < 8, 3.0) for n in range(10)])
    assert (round(told.low, 3), round(told.high, 3)) == (0.490, 0.943)
    assert share([]).text == "–"


def test_half_of_what_is_drawn_was_kept_and_half_dropped(run: str) -> None:
    drawn = draw(open_run(run), 40)
    states = [row["state"] for row in drawn.rows]
    assert states.count("kept") == states.count("dropped") == 20
    assert states != sorted(states), "the order says nothing of the verdict"
    assert sum(held for _, held in set(drawn.strata.values())) == 150
    again = draw(open_run(run), 40)
    assert [row["id"] for row in again.rows] == [row["id"] for row in drawn.rows]


def test_a_page_that_cannot_be_read_again_is_none_and_not_empty(
    run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Original(missing="its file is not there")
    monkeypatch.setattr(labelling, "read_originals", lambda run, rows: [gone for _ in rows])
    drawn = draw(open_run(run), 4)
    html, _ = label_page(open_run(run), drawn, LabelStore(run, drawn.strata))
    assert html.replace(" ", "").count('"page":null') == 4


def test_each_answer_is_saved_and_the_last_one_counts(run: str) -> None:
    drawn = draw(open_run(run), 10)
    marks = LabelStore(run, drawn.strata)
    one, other = (row["id"] for row in drawn.rows[:2])
    assert marks.add({"id": one, "mark": "keep", "note": "fine \u202e"}) == {"saved": 1}
    assert marks.add({"id": other, "mark": "drop"}) == {"saved": 2}
    assert marks.add({"id": one, "mark": "unsure", "note": None}) == {"saved": 2}
    found = read_labels(run)
    assert [(each.id, each.mark, each.note) for each in found.values()] == [
        (one, "unsure", ""),
        (other, "drop", ""),
    ]
    assert found == LabelStore(run, drawn.strata).labels
    for wrong in (None, [], {"id": "x", "mark": "keep"}, {"id": one, "mark": "yes"}, {"id": one}):
        with pytest.raises(ValueError, match=r"no document of that id|a mark is one of"):
            marks.add(wrong)
    assert read_labels(run) == found


def test_weights_follow_from_what_is_marked_and_not_from_the_draw(run: str) -> None:
    """Twelve first, then as many as there are: every mark of a verdict weighs the same, whichever draw it was in."""
    for n, marked in ((12, 12), (60, 40)):
        drawn = draw(open_run(run), n)
        marks = LabelStore(run, drawn.strata)
        for row in drawn.rows[:marked]:
            marks.add({"id": row["id"], "mark": "keep"})
    found = list(read_labels(run).values())
    assert len(found) > 40, "the first twelve and others"
    weights: dict[str, set[float]] = {}
    for each in found:
        weights.setdefault(each.stratum, set()).add(each.weight)
    assert all(len(each) == 1 for each in weights.values())
    assert math.isclose(sum(each.weight for each in found), 150)
    result = agreement(open_run(run))
    assert result is not None
    assert result["agreement"].total > 0.8 * len(found)


def test_labels_lie_in_an_object_store_as_well() -> None:
    given_ = {f"{1:032x}": label(1, "keep")}
    write_labels("memory://labelled", given_)
    assert read_labels("memory://labelled") == given_
    fsspec.filesystem("memory").rm("/labelled", recursive=True)
    assert read_labels("memory://labelled") == {}


def test_rules_are_judged_by_the_marks(run: str) -> None:
    drawn = draw(open_run(run), 60)
    rows = {row["id"]: row for row in drawn.rows}
    broke = {id for id, row in rows.items() if any(r["name"] == "gopher.word_count" for r in row["reasons"])}
    found = weighed(
        {
            id: HumanLabel(
                id=id,
                mark="drop" if id in broke else "keep",
                note="",
                weight=1.0,
                marked_at="",
                stratum=drawn.strata[id][0],
                held=drawn.strata[id][1],
            )
            for id in rows
        }
    )
    write_labels(run, found)
    result = agreement(open_run(run))
    assert result is not None
    (rule,) = (each for each in result["rules"] if each["name"] == "gopher.word_count")
    assert rule["broke"] == len(broke)
    assert rule["precision"].value == rule["recall"].value == 1.0
    assert rule["recall"].low < 1
    kept, dropped = result["table"]
    assert kept == ("kept", 30, 0)
    assert dropped == ("dropped", 30 - len(broke), len(broke))
    assert len(result["differing"]) == 30 - len(broke)
    wrong = sum(found[id].weight for id, _ in result["differing"]) / 150
    assert math.isclose(result["agreement"].value, 1 - wrong)


def test_marks_become_a_table_to_train_on(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="no document is marked keep or drop yet"):
        export(open_run(run), str(tmp_path / "labels.parquet"))
    write_labels(
        run, {each.id: each for each in (label(1, "keep"), label(2, "drop", 2.5), label(3, "unsure"))}
    )
    for name in ("labels.parquet", "labels.jsonl"):
        assert main(["label", run, "--export", str(tmp_path / name)]) == 0
        assert capsys.readouterr().out == f"written: {tmp_path / name}, 2 documents\n"
    rows = pq.read_table(tmp_path / "labels.parquet").to_pylist()
    lines = [
        json.loads(line) for line in (tmp_path / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert rows == lines
    assert [(row["label"], row["weight"]) for row in rows] == [("keep", 1.0), ("drop", 2.5)]
    assert all(row["text"] for row in rows)
    for mark in ("keep", "drop"):
        assert main(["label", run, "--export", str(tmp_path / f"{mark}.parquet"), "--only", mark]) == 0
        assert pq.read_table(tmp_path / f"{mark}.parquet")["label"].to_pylist() == [mark]
    assert main(["label", run, "--export", "labels.csv"]) == 2
    assert "expected a name that ends in .parquet, .jsonl or .jsonl.gz" in capsys.readouterr().err


@pytest.fixture
def server(run: str) -> Iterator[LocalPage]:
    drawn = draw(open_run(run), 10)
    marks = LabelStore(run, drawn.strata)
    with LocalPage(*label_page(open_run(run), drawn, marks), marks.add) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def ask(
    server: LocalPage, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[int, str]:
    connection = http.client.HTTPConnection(server.host, timeout=60)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def test_the_page_is_there_for_who_knows_the_token(server: LocalPage) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert len(server.root) > 30
    assert ask(server, "GET", server.root)[0] == 200
    assert ask(server, "GET", "/") == (404, "not here")
    assert ask(server, "GET", f"{server.root}x") == (404, "not here")


def test_pages_of_others_learn_and_change_nothing(server: LocalPage, run: str) -> None:
    body = json.dumps({"id": next(iter(LabelStore(run, {}).labels), "0" * 32), "mark": "keep"})
    mark = f"{server.root}mark"
    kind = {"Content_Type": "application/json"}
    assert (
        ask(server, "GET", server.root, Host=f"evil.example:{server.server_port}")[0] == 404
    )  # a name made to lead here
    assert ask(server, "POST", mark, body, Origin="http://evil.example", **kind)[0] == 404
    assert ask(server, "POST", "/guess/mark", body, **kind)[0] == 404
    assert ask(server, "POST", mark, body, Content_Type="text/plain") == (
        400,
        "expected JSON",
    )  # what a form can send
    assert ask(server, "POST", mark, "{", **kind)[0] == 400
    assert ask(server, "POST", mark, " " * 70_000, **kind) == (400, "expected at most 65536 bytes")
    assert ask(server, "POST", mark, body, **kind) == (400, "no document of that id is to be marked here")
    assert read_labels(run) == {}


def test_there_must_be_something_to_mark(
    judging: Namespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(judging.write(tmp_path, texts=[]))
    assert main(["label", run]) == 2
    assert main(["label", run, "--n", "0"]) == 2
    told = capsys.readouterr().err
    assert f"{run}: the filter judged no document whose text is stored" in told
    assert "--n 0: expected 1 document or more" in told
    assert main(["label", str(tmp_path / "nowhere")]) == 2


def test_only_chooses_what_is_exported(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["label", run, "--only", "keep"]) == 2
    assert capsys.readouterr().err == "--only keep: chooses what --export FILE writes; give both\n"
