"""The accounts of a run as data for its report: in a few numbers, by stage, and of the filter's rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import fsspec

from curation.accounting.account import STATES
from curation.accounting.fingerprint import fingerprint
from curation.accounting.manifest import NAME, Manifest
from curation.filters.account import Tally
from curation.look.questions.account import COLUMNS, RuleAccount, account, headline
from curation.look.render.counted import phrases
from curation.look.run import LABEL, OpenedRun, kept_rates

EDIT = "edit:"  # begins the reasons of a ledger that are edits: they remove characters, no record
GROUPS_SHOWN = 12  # sources, and languages, that lost most
SOURCES_SHOWN = 8  # of a stage, their reasons side by side
COSTLIEST = 3  # rules among the headlines


def stage_accounts(run: OpenedRun) -> list[dict[str, Any]]:
    """Return the account of every stage that keeps one: whole and by source, with each reason and edit."""
    shards = run.manifests.get("shard")
    rates = kept_rates(shards) if shards and "tokens" in shards.ledger else {"": 0.0}
    return [_stage(name, run.ledger(name), rates) for name in run.manifests if run.ledger(name)]


def _stage(name: str, ledger: Mapping[str, Any], rates: Mapping[str, float]) -> dict[str, Any]:
    """Return one stage's account; `rates` are tokens a character by source, to tell the tokens it kept."""
    accounts = [("all sources", ledger), *ledger["sources"].items()]
    kept = {
        source: rates.get(source, rates[""]) * counts["kept"]["characters"]
        for source, counts in ledger["sources"].items()
    }
    received = ledger["in"]
    removed = sorted(ledger["reasons"].items(), key=_weight)
    return {
        "name": name,
        "accounts": [
            {
                "source": source,
                **counts,
                "counted": phrases(counts.get("counts", {})),
                "tokens": round(kept.get(source, sum(kept.values()))),
            }
            for source, counts in accounts
        ],
        "shares": {state: ledger[state]["records"] / max(1, received["records"]) for state in STATES},
        "kept": ledger["kept"]["records"],
        "in": received["records"],
        "reasons": [
            {"name": name, **counts, "share": counts["records"] / max(1, received["records"])}
            for name, counts in removed
            if not name.startswith(EDIT)
        ],
        "edits": [
            {
                "name": name.removeprefix(EDIT),
                "characters": counts["characters"],
                "share": counts["characters"] / max(1, received["characters"]),
            }
            for name, counts in removed
            if name.startswith(EDIT)
        ],
        "sources": _largest(ledger),
    }


def _largest(ledger: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the largest sources, where there are several, each with its reasons."""
    sources = sorted(ledger["sources"].items(), key=lambda item: (-item[1]["in"]["records"], item[0]))
    several = sources[:SOURCES_SHOWN] if len(sources) > 1 else []
    return [(name, counts["reasons"]) for name, counts in several]


def _weight(item: tuple[str, Mapping[str, int]]) -> tuple[int, int, str]:
    """Reasons go by records; edits, which remove none, by characters."""
    name, counts = item
    return -counts["records"], -counts["characters"], name


def reason_counts(manifests: Iterable[Manifest]) -> dict[str, Mapping[str, int]]:
    """Return reason -> its counts in the ledger, over all stages."""
    ledgers = [manifest.ledger for manifest in manifests if manifest.ledger]
    return {name: counts for ledger in ledgers for name, counts in ledger["reasons"].items()}


def rule_account(run: OpenedRun) -> dict[str, Any]:
    """Return what each rule removed: of all, by source, language and label; empty if nothing."""
    rules = account(run, run.labels)
    groups = [("all documents", tally) for tally in rules.by().values()]
    for by in (*COLUMNS, *run.labels):
        kind, tallies = by.removeprefix(LABEL), rules.by(by)
        parts = [(f"{kind} {name}", tally) for name, tally in tallies.items() if tally.dropped[0]]
        groups += parts[:GROUPS_SHOWN] if len(tallies) > 1 else []
    if not groups[0][1].dropped[0]:
        return {}
    return {
        "units": rules.units,
        "notes": rules.notes,
        "parts": [_part(rules, name, tally) for name, tally in groups],
        "overlap": [(name, shares.tolist()) for name, shares in rules.overlap().iterrows()],
    }


def _part(rules: RuleAccount, name: str, tally: Tally) -> dict[str, Any]:
    return {
        "name": name,
        "headline": headline(tally, rules.units),
        "rules": [
            {
                "name": rules.bounds.names[rule],
                "breaks": float(tally.broke[0, rule]),
                "only": float(tally.only[0, rule]),
                "share": float(tally.shapley[0, rule]),
                "shares": [
                    float(shares[rule] / max(1.0, dropped))
                    for shares, dropped in zip(tally.shapley, tally.dropped, strict=True)
                ],
            }
            for rule in rules.ranked(tally)
        ],
    }


def headlines(
    run: OpenedRun, stages: Sequence[Mapping[str, Any]], account: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Return a run in a few numbers; None where no stage keeps an account.

    Args:
        run: the run.
        stages: the account of each stage.
        account: of the filter's rules; None or empty where they dropped nothing.

    Returns:
        Of tokens, `~` marks an estimate, and the empty text that nothing was tokenized. `lost` has only
        states with any records; `rules` are those that dropped most, each with its share of what the filter
        dropped; `recipe` is equal for runs of the same recipe; `left_out` says which stages are not counted.
    """
    if not stages:
        return None
    ledgers, left_out = run.funnel()
    first, last = ledgers[0], ledgers[-1]
    lost = Counter[str]()
    for ledger in ledgers:
        lost.update({state: count.records for state, count in ledger.total.states.items()})
    tokens = {stage["name"]: stage["accounts"][0]["tokens"] for stage in stages}
    counted = last.tokens.get("kept", 0)
    rules = account["parts"][0]["rules"][:COSTLIEST] if account else []
    return {
        "received": first.total.received.records,
        "left": last.total.states["kept"].records,
        "lost": {state: lost[state] for state in STATES if state != "kept" and lost[state]},
        "tokens_received": _about(tokens[first.stage]),
        "tokens_left": f"{counted:,}" if counted else _about(tokens[last.stage]),
        "rules": [(rule["name"], rule["shares"][0]) for rule in rules if rule["shares"][0]],
        "published": _published(run),
        "recipe": fingerprint({stage: manifest.config for stage, manifest in run.manifests.items()}),
        "left_out": left_out,
    }


def _about(count: float) -> str:
    """Return an estimate as text of three digits; nothing for zero.

    >>> _about(1_300_672), _about(0)
    ('~1,300,000', '')
    """
    return f"~{float(f'{count:.2e}'):,.0f}" if count else ""


def _published(run: OpenedRun) -> str:
    """Return when the newest manifest of a run was written. No manifest says it (law 4); its file does."""
    filesystem, _ = fsspec.core.url_to_fs(run.directory)
    try:
        times: list[datetime] = [filesystem.modified(run.path(stage, NAME)) for stage in run.manifests]
    except NotImplementedError:  # a store without times, such as a web server
        return ""
    return f"{max(times).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
