"""What deduplication reads beside the documents and what it prefers, for its fingerprint and its work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from curation.accounting.fingerprint import canonical
from curation.accounting.manifest import Manifest, read_manifest
from curation.files.digests import digest_file
from curation.recipe.recipe import Recipe, preference
from curation.recipe.sections.dedup import Dedup
from curation.recipe.sections.history import earlier_outputs
from curation.spark.stage import Context, settling
from curation.spark.store import find_files


@dataclass(frozen=True, slots=True)
class Preference:
    """One expression of `prefer`: a measure (or `characters`), and whether a greater value is better."""

    name: str
    more: bool

    def value(self) -> Column:
        """Return the number to compare as a column of a DOCUMENT frame: null where it is not finite."""
        value = F.col("characters" if self.name == "characters" else f"measures.`{self.name}`").cast("double")
        return F.when(F.abs(value) < float("inf"), value)


def preferences_of(recipe: Recipe) -> list[Preference]:
    """Return what makes one document better than another, in order."""
    return [Preference(*preference(recipe.filter, expression)) for expression in recipe.dedup.prefer]


def scopes(recipe: Recipe) -> dict[str, str] | None:
    """Return source -> the scope in which its duplicates are looked for; None where there is one."""
    by_source = {
        "per_source": {name: name for name in recipe.inputs},
        "per_snapshot": {name: source.snapshot or name for name, source in recipe.inputs.items()},
    }
    return by_source.get(recipe.dedup.scope)


def config(recipe: Recipe) -> dict[str, Any]:
    """Return what of a recipe decides the output; earlier runs are inputs, wherever they lie."""
    settings = replace(recipe.dedup, against=())
    return settling(recipe, dedup=settings, prefer=preferences_of(recipe), scopes=scopes(recipe))


def earlier_runs(settings: Dedup) -> dict[str, Manifest]:
    """Return directory -> manifest of the outputs that `against` names."""
    return {path: read_manifest(path) for path in earlier_outputs(settings)}


def inputs(context: Context) -> Mapping[str, Any]:
    """Return what is known of files of embeddings and of earlier runs."""
    settings: Dedup = context.settings
    known: dict[str, Any] = {}
    if settings.semantic:
        files = settings.semantic.embeddings
        known["embeddings"] = None if files is None else canonical(find_files("semantic", [files]))
    if earlier := earlier_runs(settings):
        known["against"] = [f"{manifest.fingerprint} {manifest.digest}" for manifest in earlier.values()]
    return known


def resources(context: Context) -> dict[str, str]:
    """Return what stands for the code that makes or clusters embeddings."""
    semantic = context.settings.semantic
    if semantic is None:
        return {}
    clustering = {"scikit-learn": version("scikit-learn")}
    if semantic.embeddings is not None:
        return clustering
    name = str(semantic.encoder).partition(":")[0]
    module = find_spec(name)
    return clustering | {name: digest_file(module.origin) if module and module.origin else ""}
