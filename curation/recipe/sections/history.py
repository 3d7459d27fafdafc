"""Earlier runs in `dedup.against`: whether their kept documents can be compared with this run's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from curation.accounting.manifest import BadManifest, Manifest, MissingManifest, published, read_manifest
from curation.recipe.sections.dedup import Dedup
from curation.text.mistakes import Where


def earlier_outputs(dedup: Dedup) -> list[str]:
    """Return the directories of the dedup outputs that are published now in the runs of `against`."""
    return [published(directory.rstrip("/"), "dedup") for directory in dedup.earlier]


def against_mistakes(against: str | Sequence[str], dedup: Dedup | None) -> Iterator[Where]:
    """Yield (position in `against`, why) for earlier runs that cannot be compared with this recipe's run.

    Of a dedup section with mistakes in it (None), only that each run has published an index is checked.
    """
    directories = [((), against)] if isinstance(against, str) else [((i,), d) for i, d in enumerate(against)]
    for position, directory in directories:
        try:
            manifest = read_manifest(published(directory.rstrip("/"), "dedup"))
        except (MissingManifest, BadManifest, OSError) as error:
            yield position, str(error)
            continue
        if not any(name.startswith("index/") for name in manifest.files):
            yield position, f"{directory}: has no index; run its dedup again with dedup.index: true"
        for wrong in _differences(manifest, dedup) if dedup else ():
            yield position, f"{directory}: {wrong}"


def _differences(manifest: Manifest, dedup: Dedup) -> Iterator[str]:
    """Yield what keeps the index of an earlier run from being compared with."""
    earlier = manifest.config["dedup"]
    if earlier["scope"] != dedup.scope:
        yield f"its scope is {earlier['scope']}, this recipe's is {dedup.scope}"
    if dedup.exact and not earlier["exact"]:
        yield "was made with exact: false, so it cannot be searched for equal texts"
    theirs, ours = manifest.detail.get("scheme"), dedup.near.id if dedup.near else None
    if ours is not None and theirs != ours:
        yield (
            f"its bands are {theirs or 'none'}, this recipe's {ours}; bands of different "
            "schemes cannot be compared: use the same near settings, or make that run again"
        )
    if dedup.history == "by_priority" and tuple(earlier["prefer"]) != dedup.prefer:
        yield (
            f"prefers {', '.join(earlier['prefer']) or 'nothing'}, this recipe "
            f"{', '.join(dedup.prefer) or 'nothing'}; history: by_priority needs the same"
        )
