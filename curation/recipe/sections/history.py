"""Earlier runs that a recipe names in `dedup.against`: what they kept must be comparable with this one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from curation.accounting.manifest import BadManifest, Manifest, MissingManifest, published, read_manifest
from curation.dedup.minhash import Scheme
from curation.recipe.sections.dedup import Dedup, Near


def scheme(near: Near) -> Scheme:
    """Return what two documents' band keys must have in common to be compared."""
    return Scheme(
        shingle_words=near.shingle_words, bands=near.bands, rows_per_band=near.rows_per_band, seed=near.seed
    )


def earlier_outputs(dedup: Dedup) -> list[str]:
    """Return the directories of the dedup outputs that `against` names: what is published there now.

    Raises:
        MissingManifest: nothing is.
    """
    return [published(directory.rstrip("/"), "dedup") for directory in dedup.earlier]


Where = tuple[tuple[int, ...], str]  # the place in `against`, and what is wrong there


def unpublished(against: str | Sequence[str]) -> Iterator[Where]:
    """Yield (where in `against`, why) for directories in which no run published what can be searched."""
    for at, directory in _named(against):
        found = _manifest(directory)
        if isinstance(found, str):
            yield at, found
        elif not any(name.startswith("index/") for name in found.files):
            yield at, f"{directory}: holds no index; run its dedup again with dedup.index: true"


def incomparable(dedup: Dedup) -> Iterator[Where]:
    """Yield (where in `against`, why) for earlier runs that this recipe's run could not be compared with."""
    yield from unpublished(dedup.against)
    for at, directory in _named(dedup.against):
        manifest = _manifest(directory)
        if isinstance(manifest, str):
            continue
        found = manifest.config["dedup"]
        if found["scope"] != dedup.scope:
            yield at, f"{directory}: its scope is {found['scope']}, this recipe's is {dedup.scope}"
        if dedup.exact and not found["exact"]:
            yield at, f"{directory}: was made with exact: false, so it cannot be searched for equal texts"
        theirs, ours = manifest.detail.get("scheme"), scheme(dedup.near).id if dedup.near else None
        if ours is not None and theirs != ours:
            yield (
                at,
                f"{directory}: its bands are {theirs or 'none'}, this recipe's {ours}; bands of different "
                "schemes never meet: use the same near settings, or make that run again",
            )
        if dedup.history == "by_priority" and tuple(found["prefer"]) != dedup.prefer:
            yield (
                at,
                f"{directory}: prefers {', '.join(found['prefer']) or 'nothing'}, this recipe "
                f"{', '.join(dedup.prefer) or 'nothing'}; history: by_priority needs the same",
            )


def _named(against: str | Sequence[str]) -> Iterator[tuple[tuple[int, ...], str]]:
    if isinstance(against, str):
        yield (), against
    else:
        yield from (((i,), directory) for i, directory in enumerate(against))


def _manifest(directory: str) -> Manifest | str:
    """Return the manifest of a run's dedup, or why there is none."""
    try:
        return read_manifest(published(directory.rstrip("/"), "dedup"))
    except (MissingManifest, BadManifest, OSError) as error:
        return str(error)
