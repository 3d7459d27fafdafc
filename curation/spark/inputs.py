"""What a stage reads beside the documents, and how it parts them: for its fingerprint."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from curation.accounting.fingerprint import canonical
from curation.files.digests import digest_file
from curation.recipe.recipe import Recipe
from curation.recipe.sections.dedup import Semantic
from curation.spark.store import find_files


def embeddings(settings: Semantic) -> tuple[Any, dict[str, str]]:
    """Return what is known of the files of embeddings, and of the code that makes or clusters them."""
    resources = {"scikit-learn": version("scikit-learn")}
    if settings.embeddings is not None:
        return canonical(find_files("semantic", [settings.embeddings])), resources
    name = str(settings.encoder).partition(":")[0]
    module = find_spec(name)
    return None, resources | {name: digest_file(module.origin) if module and module.origin else ""}


def scopes(recipe: Recipe) -> dict[str, str] | None:
    """Return source -> the scope in which its duplicates are looked for; None where there is one."""
    found = {
        "per_source": {name: name for name in recipe.inputs},
        "per_snapshot": {name: each.snapshot or name for name, each in recipe.inputs.items()},
    }
    return found.get(recipe.dedup.scope)
