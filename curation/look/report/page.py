"""One self-contained HTML page about a run: what was kept and why, bounds to move, documents to read.

The page asks for nothing, and its content policy lets no script run but its own, known by its digest. What
comes from a document is escaped text or a text node; characters that would turn or hide what stands around
them are spelled out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fsspec

from curation.accounting.account import STATES
from curation.accounting.manifest import join
from curation.look.render import charts
from curation.look.render.inert import environment, inert, policy, script
from curation.look.render.visible import bound, is_bound
from curation.look.report.contents import Contents, gather
from curation.look.run import OpenedRun

SCRIPTS = ("elements.js", "what_if.js", "documents.js", "report.js")


def write_report(run: OpenedRun, out: str | None = None, *, training: str | None = None) -> str:
    """Write the report of a run; return where it was written.

    Args:
        run: the run.
        out: file to write; DIR/report.html where None.
        training: a training run's directory; DIR/train is shown where None and it is there.
    """
    path = out or join(run.directory, "report.html")
    html = render(gather(run, training=training))
    filesystem, name = fsspec.core.url_to_fs(path)
    filesystem.makedirs(filesystem._parent(name), exist_ok=True)
    with filesystem.open(name, "wb") as stream:
        stream.write(html.encode("utf-8"))
    return path


def render(contents: Contents) -> str:
    """Return a report as HTML; nothing is read or counted any more."""
    source = script(*SCRIPTS)
    values = contents | {"signals": [_signal(signal) for signal in contents["signals"]]}
    return (
        environment()
        .get_template("report.html")
        .render(
            **values, states=STATES, data_json=inert(contents["data"]), script=source, policy=policy(source)
        )
    )


def _signal(signal: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule with the histogram of its values."""
    rule, kept, removed = signal["rule"], signal["kept"], signal["removed"]
    return {
        "rule": rule,
        "bound": bound(rule.min, rule.max),
        "sides": [side for side in ("min", "max") if is_bound(getattr(rule, side))],
        "measured": len(kept) + len(removed),
        "broke": sum(not rule.min <= value <= rule.max for value in (*kept, *removed)),
        "chart": charts.histogram(kept, removed, rule.min, rule.max, rule.name),
    }
