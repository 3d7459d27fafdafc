"""What another bound would do, from stored measures: no document is measured again."""

from __future__ import annotations

import pandas as pd


def verdicts(measured: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    """Return one boolean column a rule: True where the document keeps to it or was not measured by it."""
    columns = {}
    for rule in rules.itertuples(index=False):
        values = measured.get(rule.name, pd.Series(index=measured.index, dtype="float64"))
        columns[rule.name] = values.isna() | values.between(rule.min, rule.max)
    return pd.DataFrame(columns, index=measured.index)


def what_if(
    measured: pd.DataFrame, rules: pd.DataFrame, changes: dict[str, dict[str, float]]
) -> pd.DataFrame:
    """Return by source how many documents the rules keep now, and would keep with other bounds.

    Exact where the recipe says `measure: all`. Otherwise a document that broke an early pass was not
    measured by the later ones, and what a looser bound would gain is an upper limit. Edits and the stages
    after the filter are as they were.

    Args:
        measured: of `frames.measures`.
        rules: of `frames.rules`.
        changes: rule (`pass.rule`) -> {"min": ..., "max": ...}, those that change.

    Raises:
        KeyError: no rule has that name.
    """
    changed = rules.set_index("name")
    for name, bounds in changes.items():
        if name not in changed.index:
            raise KeyError(f"no rule is called '{name}'; known: {', '.join(rules['name'])}")
        for side, value in bounds.items():
            changed.loc[name, side] = float(value)
    now = verdicts(measured, rules).all(axis=1)
    then = verdicts(measured, changed.reset_index()).all(axis=1)
    table = pd.DataFrame(
        {
            "kept now": now,
            "kept then": then,
            "gained": then & ~now,
            "lost": now & ~then,
            "source": measured["source"],
        }
    )
    by_source = table.groupby("source").sum()
    by_source.loc["all"] = by_source.sum()
    return by_source


def alone(measured: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    """Return for every rule how many documents break it, and how many break nothing else."""
    broken = ~verdicts(measured, rules)
    only = broken[broken.sum(axis=1) == 1]
    out = pd.DataFrame({"records": broken.sum(), "alone": only.sum()}).astype("int64")
    return out[out["records"] > 0].sort_values(["records", "alone"], ascending=False)


def overlap(measured: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    """Return rule by rule the share of one rule's drops (row) that another (column) would drop as well."""
    broken = (~verdicts(measured, rules)).astype("int64")
    broken = broken.loc[:, broken.sum() > 0]
    together = broken.T @ broken
    return together.div(broken.sum(), axis=0)
