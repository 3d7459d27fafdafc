"""What a stage counted in its documents, as words: were the tables kept, how many pages needed a rescue?"""

from __future__ import annotations

from collections.abc import Mapping

_SEEN, _KEPT = "_seen", "_kept"


def phrases(counts: Mapping[str, int]) -> list[str]:
    """Return a phrase for each count that is not zero; what was seen stands beside what was kept of it.

    >>> phrases({"code_blocks_kept": 0, "code_blocks_seen": 0, "table_cells_kept": 9, "table_cells_seen": 12})
    ['table cells 9 of 12 kept (75.0 %)']
    >>> phrases({"rescued": 1200})
    ['rescued 1,200']
    """
    out = []
    for name, count in sorted(counts.items()):
        what = name.removeprefix("pages.").replace("_", " ")
        if name.endswith(_SEEN):
            kept = counts.get(name.removesuffix(_SEEN) + _KEPT, 0)
            if count or kept:
                share = f" ({100 * kept / count:.1f} %)" if count else ""
                out.append(f"{what.removesuffix(' seen')} {kept:,} of {count:,} kept{share}")
        elif count and not name.endswith(_KEPT):
            out.append(f"{what} {count:,}")
    return out
