"""A stage as one value: what decides its output, what it reads, how it writes and how it is accounted for.

A stage that annotates documents is a function and a value, in a module of its own:

    def write(documents, settings, scratch, path, dropped_text_rate):
        rows = Annotated(as_received(documents), function_of_a_batch, dropped_text_rate)
        write_rows(rows, path, "sites")

    SITES = Stage("sites", after=("dedup",), section=lambda recipe: recipe.sites, write=over_documents(write))

Then it takes its place in `curation.spark.run.STAGES`, the only list of stages. Whatever looks at a run finds
what was published there and orders it by its manifests: each names the output that it was made from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, TypeAlias

from pyspark.sql import DataFrame, SparkSession

from curation.accounting.fingerprint import canonical, fingerprint
from curation.accounting.ledger import Ledger
from curation.accounting.manifest import Manifest, join
from curation.recipe.recipe import Recipe
from curation.spark.scratch import Scratch
from curation.spark.store import SCRATCH, TABLES
from curation.spark.tables import Counted, account, read_kept

#: What only this stage has to say, for its manifest.
Detail: TypeAlias = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a stage works on.

    Attributes:
        settings: its section of the recipe.
        before: the stage whose kept documents it reads, and `directory` that stage's output; both are empty
            for a stage that reads the recipe's inputs.
        published: name -> directory of another stage's output in this run.
        split_bytes: size of an input split; None: chosen by the size of the inputs.
        inputs: what `Stage.inputs` returned.
    """

    recipe: Recipe
    settings: Any
    before: str
    directory: str
    published: Callable[[str], str]
    split_bytes: int | None
    inputs: Mapping[str, Any] = field(default_factory=dict)

    def documents(self, spark: SparkSession) -> DataFrame:
        """Return the documents that the stage before kept."""
        return read_kept(spark, self.directory)


def _nothing(context: Context) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Stage:
    """One table to the next.

    Attributes:
        name: its folder in a run directory, and what its manifest and ledger call it.
        after: stages that must stand before it. It reads what the nearest one before it keeps; without any it
            reads the recipe's inputs. One of them that keeps no ledger is run whenever this stage is.
        section: what it is set by; None where the recipe does without this stage.
        write: writes below a path, and returns what the manifest's `detail` is to say.
        output_version: raised by hand when a change of code changes the output for the same recipe and bytes.
        libraries: distributions whose version changes the output.
        config: what of the recipe decides the output (None: the section, and the share of removed text kept).
        inputs: what identifies other tables and files that it reads.
        resources: digests of models, lists and the like that it reads, by name.
        losses: completes the ledger by what failures stand for; returns what the manifest's `detail` says.
        account: counts what was written. None: the stage hands on no documents and keeps no ledger; it makes
            something that a later one reads, as the tokenizer does.
    """

    name: str
    after: tuple[str, ...]
    section: Callable[[Recipe], Any]
    write: Callable[[SparkSession, Context, str], Detail]
    output_version: int = 1
    libraries: tuple[str, ...] = ()
    config: Callable[[Recipe], Any] | None = None
    inputs: Callable[[Context], Mapping[str, Any]] = _nothing
    resources: Callable[[Context], Mapping[str, str]] = _nothing
    losses: Callable[[SparkSession, Context, Ledger, str], Detail] | None = None
    account: Callable[[SparkSession, str], Counted] | None = account

    def decided_by(self, recipe: Recipe) -> Any:
        """Return what of a recipe decides the output, as plain JSON data."""
        if self.config is None:
            return canonical(settling(recipe, **{self.name: self.section(recipe)}))
        return canonical(self.config(recipe))

    def manifest(self, context: Context) -> Manifest:
        """Return the manifest of the output to make: all that made it, and its name."""
        before = {context.before: context.directory.rpartition("/")[2]} if context.before else {}
        parts: dict[str, Any] = {
            "stage": self.name,
            "config": self.decided_by(context.recipe),
            "inputs": {**before, **canonical(context.inputs)},
            "resources": dict(self.resources(context)),
            "versions": {name: version(name) for name in self.libraries},
            "output_version": self.output_version,
        }
        return Manifest(fingerprint=fingerprint(parts), **parts)


def settling(recipe: Recipe, **config: Any) -> dict[str, Any]:
    """Return the config of a stage that parts kept documents from removed ones."""
    return {**config, "dropped_text_rate": recipe.dropped_text_rate}


def over_documents(
    write: Callable[[DataFrame, Any, Scratch, str, float], Detail],
) -> Callable[[SparkSession, Context, str], Detail]:
    """Return the `write` of a stage that needs the documents before it, its section and tables in between."""

    def run(spark: SparkSession, context: Context, path: str) -> Detail:
        scratch = Scratch(spark, join(path, SCRATCH, TABLES))
        rate = context.recipe.dropped_text_rate
        return write(context.documents(spark), context.settings, scratch, path, rate)

    return run


def check_order(stages: Sequence[Stage]) -> None:
    """Raise unless every stage stands once, behind those that it must come after.

    Raises:
        ValueError: names the first that does not.
    """
    names: list[str] = []
    for stage in stages:
        if stage.name in names:
            raise ValueError(f"two stages are called {stage.name}; names must differ")
        for name in stage.after:
            if name not in names:
                raise ValueError(
                    f"stage {stage.name} must come after {name}; before it are: {', '.join(names) or 'none'}"
                )
        names.append(stage.name)
