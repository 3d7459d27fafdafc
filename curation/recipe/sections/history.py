"""Earlier runs in `dedup.against`: whether their kept documents can be compared with this run's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from curation.accounting.manifest import BadManifest, Manifest, MissingManifest, published, read_manifest
from curation.dedup.minhash import Scheme
from curation.recipe.sections.dedup import Dedup, Near


def scheme(near: Near) -> Scheme:
    """Return the scheme of the band keys: only keys of one scheme can be compared."""
    return Scheme(
        shingle_words=near.shingle_words, bands=near.bands, rows_per_band=near.rows_per_band, seed=near.seed
    )


def earlier_outputs(dedup: Dedup) -> list[str]:
    """Return the directories of the dedup outputs that are published now in the runs of `against`.

    Raises:
        MissingManifest: a run has published none.
    """
    return [published(directory.rstrip("/"), "dedup") for directory in dedup.earlier]


Where = tuple[tuple[int, ...], str]  # the position in `against`, and the mistake there


def unpublished(against: str | Sequence[str]) -> Iterator[Where]:
    """Yield (position in `against`, why) for directories in which no dedup with an index is published."""
    for position, directory in _directories(against):
        manifest = _manifest(directory)
        if isinstance(manifest, str):
            yield position, manifest
        elif not any(name.startswith("index/") for name in manifest.files):
            yield position, f"{directory}: has no index; run its dedup again with dedup.index: true"


def incomparable(dedup: Dedup) -> Iterator[Where]:
    """Yield (position in `against`, why) for earlier runs that cannot be compared with this recipe's run."""
    yield from unpublished(dedup.against)
    for position, directory in _directories(dedup.against):
        manifest = _manifest(directory)
        if isinstance(manifest, str):
            continue
        earlier = manifest.config["dedup"]
        if earlier["scope"] != dedup.scope:
            yield position, f"{directory}: its scope is {earlier['scope']}, this recipe's is {dedup.scope}"
        if dedup.exact and not earlier["exact"]:
            yield (
                position,
                f"{directory}: was made with exact: false, so it cannot be searched for equal texts",
            )
        theirs, ours = manifest.detail.get("scheme"), scheme(dedup.near).id if dedup.near else None
        if ours is not None and theirs != ours:
            yield (
                position,
                f"{directory}: its bands are {theirs or 'none'}, this recipe's {ours}; bands of different "
                "schemes cannot be compared: use the same near settings, or make that run again",
            )
        if dedup.history == "by_priority" and tuple(earlier["prefer"]) != dedup.prefer:
            yield (
                position,
                f"{directory}: prefers {', '.join(earlier['prefer']) or 'nothing'}, this recipe "
                f"{', '.join(dedup.prefer) or 'nothing'}; history: by_priority needs the same",
            )


def _directories(against: str | Sequence[str]) -> Iterator[tuple[tuple[int, ...], str]]:
    if isinstance(against, str):
        yield (), against
    else:
        yield from (((i,), directory) for i, directory in enumerate(against))


def _manifest(directory: str) -> Manifest | str:
    """Return the manifest of a run's dedup, or why it cannot be read."""
    try:
        return read_manifest(published(directory.rstrip("/"), "dedup"))
    except (MissingManifest, BadManifest, OSError) as error:
        return str(error)
