"""One self-contained HTML page about a run: what was kept and why, bounds to move, documents to read.

The page asks for nothing, and its content policy lets no script run but its own, known by its digest. What
comes from a document is escaped text or a text node; characters that would turn or hide what stands around
them are spelled out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import fsspec
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from curation.accounting.ledger import STATES
from curation.accounting.manifest import Manifest, join
from curation.filters.account import Tally
from curation.look.label.marks import agreement
from curation.look.questions.account import COLUMNS, RuleAccount, account, headline, ranked
from curation.look.render import cards as samples
from curation.look.render import charts
from curation.look.render.counted import phrases
from curation.look.render.inert import inert, policy, script
from curation.look.render.visible import alike, bound, is_bound, number, shortened, visible
from curation.look.report import edits as changes
from curation.look.report import sliders as movable
from curation.look.report.browser import browsed
from curation.look.report.choice import HIGHEST
from curation.look.report.contents import shown
from curation.look.report.masked import masked
from curation.look.report.training import trained
from curation.look.report.vocabulary import vocabulary
from curation.look.run import LABEL, OpenedRun, kept_rates, tables

EDIT = "edit:"  # begins the reasons of a ledger that are edits: they remove characters, no record
GROUPS_SHOWN = 12  # sources, and languages, that lost most
PAIRS_SHOWN, PAIR_CHARACTERS = 20, 4_000
SCRIPTS = ("elements.js", "what_if.js", "documents.js", "report.js")
SOURCES_SHOWN = 8  # of a stage, their reasons side by side


def write_report(run: OpenedRun, out: str | None = None, *, training: str | None = None) -> str:
    """Write the report of a run; return where it was written.

    Args:
        run: the run.
        out: file to write; DIR/report.html where None.
        training: a training run's directory; DIR/train is shown where None and it is there.

    Raises:
        FileNotFoundError: `training` was given and holds no metrics.jsonl.
    """
    path = out or join(run.directory, "report.html")
    html = render(run, training=training)
    filesystem, name = fsspec.core.url_to_fs(path)
    filesystem.makedirs(filesystem._parent(name), exist_ok=True)
    with filesystem.open(name, "wb") as stream:
        stream.write(html.encode("utf-8"))
    return path


def render(run: OpenedRun, *, training: str | None = None) -> str:
    """Return the report of a run as HTML."""
    found = run.manifests
    loader = PackageLoader("curation.look.render")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    filters = {each.__name__: each for each in (visible, shortened, number, alike)}
    environment.filters |= filters | {"breakable": _breakable}
    source = script(environment, *SCRIPTS)
    trains, told = trained(run.directory, training), agreement(run)
    seen = shown(run, trains, told)
    data = {"what_if": _movable(run, seen.judged), "browsed": browsed(run, seen.chosen)}
    return environment.get_template("report.html").render(
        name=_name(run.directory),
        stages=[_stage(manifest, _token_rates(found)) for manifest in found.values() if manifest.ledger],
        states=STATES,
        manifests=list(found.values()),
        signals=_signals(run, seen.judged) if "filter" in found else [],
        kept_now=_kept(seen.judged, data["what_if"]),
        judged=found["filter"].ledger["in"]["records"] if "filter" in found else 0,
        needed="filter" in found and found["filter"].config.get("measure", "needed") != "all",
        account=_account(run) if "filter" in found else None,
        rate=seen.judged.attrs.get("rate", 1.0),
        counts=_reason_counts(found),
        edits=changes.markup(run, seen.extracted) | changes.changes(run),
        masked=masked(run, seen.judged),
        extracted=len(seen.extracted),
        losses=seen.losses,
        readings=seen.readings,
        pairs=_pairs(run) if "dedup" in found else [],
        streams=_streams(run) if "shard" in found else [],
        vocabulary=vocabulary(run),
        epochs=trains.epochs if trains else {},
        training=trains,
        labels=told,
        quality=next((group.about for group in seen.chosen.groups if group.name == HIGHEST), ""),
        known={each["id"] for each in data["browsed"]["documents"]},
        data=data,
        data_json=inert(data),
        script=source,
        policy=policy(source),
    )


def _name(directory: str) -> str:
    """Return the name of the recipe that the run was made by; empty where it is not there."""
    filesystem, path = fsspec.core.url_to_fs(join(directory, "recipe.yaml"))
    if not filesystem.exists(path):
        return ""
    found = re.search(r"^name:\s*(\S.*)$", filesystem.cat_file(path).decode("utf-8"), re.MULTILINE)
    return found[1].strip() if found else ""


def _movable(run: OpenedRun, judged: pd.DataFrame) -> dict[str, Any]:
    return movable.movable(judged, run.bounds) if len(judged) else {}


def _kept(judged: pd.DataFrame, packed: Mapping[str, Any]) -> int:
    """Return how many of the documents that the page counts over broke no rule."""
    return int((judged["reasons"].head(packed.get("documents", 0)).map(len) == 0).sum())


def _breakable(name: str) -> Markup:
    """Return the name of a rule, which a narrow column may break behind a dot or an underscore."""
    return Markup(re.sub(r"([._])", r"\1<wbr>", str(escape(visible(name)))))


def _token_rates(found: Mapping[str, Manifest]) -> Mapping[str, float]:
    """Return source -> tokens a character that the shard stage counted, "" of all; 0.0 without one."""
    counted = "shard" in found and "tokens" in found["shard"].ledger
    return kept_rates(found["shard"]) if counted else {"": 0.0}


def _stage(manifest: Manifest, rates: Mapping[str, float]) -> dict[str, Any]:
    """Return a stage's account for the page: whole and by source, each reason and edit with its share.

    `tokens`: what was kept, at the tokens a character of its source.
    """
    ledger = manifest.ledger
    accounts = [("all sources", ledger), *ledger["sources"].items()]
    kept = {
        source: rates.get(source, rates[""]) * each["kept"]["characters"]
        for source, each in ledger["sources"].items()
    }
    removed = sorted(ledger["reasons"].items(), key=_weight)
    return {
        "name": manifest.stage,
        "accounts": [
            {
                "source": source,
                **counts,
                "counted": phrases(counts.get("counts", {})),
                "tokens": round(kept.get(source, sum(kept.values()))),
            }
            for source, counts in accounts
        ],
        "shares": {state: ledger[state]["records"] / max(1, ledger["in"]["records"]) for state in STATES},
        "kept": ledger["kept"]["records"],
        "in": ledger["in"]["records"],
        "reasons": [
            {"name": name, **counts, "share": counts["records"] / max(1, ledger["in"]["records"])}
            for name, counts in removed
            if not name.startswith(EDIT)
        ],
        "edits": [
            {
                "name": name.removeprefix(EDIT),
                "characters": counts["characters"],
                "share": counts["characters"] / max(1, ledger["in"]["characters"]),
            }
            for name, counts in removed
            if name.startswith(EDIT)
        ],
        "sources": _largest(ledger),
    }


def _largest(ledger: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the largest sources, where there are several, each with its reasons."""
    found = sorted(ledger["sources"].items(), key=lambda item: (-item[1]["in"]["records"], item[0]))
    several = found[:SOURCES_SHOWN] if len(found) > 1 else []
    return [(name, counts["reasons"]) for name, counts in several]


def _weight(item: tuple[str, Mapping[str, int]]) -> tuple[int, int, str]:
    """Reasons go by records, edits, which remove none, by characters."""
    name, counts = item
    return -counts["records"], -counts["characters"], name


def _reason_counts(found: Mapping[str, Manifest]) -> dict[str, Mapping[str, int]]:
    """Return reason -> its counts in the ledger, over all stages."""
    counts = [manifest.ledger["reasons"] for manifest in found.values() if manifest.ledger]
    return {name: each for reasons in counts for name, each in reasons.items()}


def _signals(run: OpenedRun, judged: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a histogram for every rule, of the documents that broke none and of those that broke one."""
    kept = judged["state"] == "kept"
    wide = pd.DataFrame(list(judged["measures"]), index=judged.index, dtype="float64")
    shown = []
    for rule in tables.rules(run).itertuples(index=False):
        values = wide[rule.name] if rule.name in wide else pd.Series(dtype="float64")
        passed, gone = (values[where.reindex(values.index)].dropna().tolist() for where in (kept, ~kept))
        drawn = [*passed, *gone]
        shown.append(
            {
                "rule": rule,
                "bound": bound(rule.min, rule.max),
                "sides": [side for side in ("min", "max") if is_bound(getattr(rule, side))],
                "measured": len(drawn),
                "broke": sum(not rule.min <= value <= rule.max for value in drawn),
                "chart": charts.histogram(passed, gone, rule.min, rule.max, rule.name),
            }
        )
    return shown


def _account(run: OpenedRun) -> dict[str, Any]:
    """Return what each rule removed: of all, by source, language and label; empty if nothing."""
    called = run.labels
    found = account(run, called)
    groups = [("all documents", each) for each in found.by().values()]
    for by in (*COLUMNS, *called):
        kind = by.removeprefix(LABEL)
        parts = [(f"{kind} {name}", each) for name, each in found.by(by).items() if each.dropped[0]]
        groups += parts[:GROUPS_SHOWN] if len(found.by(by)) > 1 else []
    if not groups[0][1].dropped[0]:
        return {}
    overlap = found.overlap()
    return {
        "units": found.units,
        "notes": found.notes,
        "parts": [_part(found, name, each) for name, each in groups],
        "overlap": [(name, shares.tolist()) for name, shares in overlap.iterrows()],
    }


def _part(found: RuleAccount, name: str, each: Tally) -> dict[str, Any]:
    rules = [
        {
            "name": found.bounds.names[place],
            "breaks": float(each.broke[0, place]),
            "only": float(each.only[0, place]),
            "share": float(each.shapley[0, place]),
            "shares": [
                float(shares[place] / max(1.0, dropped))
                for shares, dropped in zip(each.shapley, each.dropped, strict=True)
            ],
        }
        for place in ranked(each)
    ]
    return {"name": name, "headline": headline(each, found.units), "rules": rules}


def _pairs(run: OpenedRun) -> list[dict[str, Any]]:
    """Return one pair a cluster with what differs: near copies first, of the largest clusters first."""
    frame = tables.pairs(run).drop_duplicates("kept_id")
    frame = frame.sort_values("jaccard", key=lambda value: value >= 1, kind="stable").head(PAIRS_SHOWN)
    frame = frame.astype(object).where(frame.notna(), None)
    frame = frame.map(lambda value: value[:PAIR_CHARACTERS] if isinstance(value, str) else value)
    return [
        {**row, "pieces": samples.word_changes(there, row["text"] or "") if there else []}
        for row in frame.to_dict("records")
        for there in [row["kept_text"]]  # none where an earlier run keeps it
    ]


def _streams(run: OpenedRun) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tables.streams(run).to_dict("records")
    return found
