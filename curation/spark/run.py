"""A run of a recipe: which stages are out of date; run those, close their ledgers, publish each.

A stage's fingerprint is the hash of its section of the recipe, of what it reads, and of the code's
OUTPUT_VERSION; a stage whose output is published under its fingerprint is not run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

from pyspark.sql import SparkSession

from curation.accounting.fingerprint import canonical, digest_file, fingerprint
from curation.accounting.ledger import Count, Ledger
from curation.accounting.manifest import Manifest, join, published, read_manifest
from curation.recipe.passes import files_of
from curation.recipe.recipe import Recipe, TrainedTokenizer, preference
from curation.spark import sharding
from curation.spark.duplicates import Finder, Preference
from curation.spark.progress import shown
from curation.spark.session import start
from curation.spark.sources import read_pages
from curation.spark.stages import account, extract, filter_documents, read_kept, settled, write_rows
from curation.spark.store import SCRATCH, Store, find_files, sizes

STAGES = ("extract", "filter", "dedup", "shard")
#: Raised by hand when a change of code changes what a stage writes for the same recipe and bytes.
OUTPUT_VERSION = {"extract": 1, "filter": 1, "dedup": 1, "tokenizer": 1, "shard": 1}
#: Libraries whose version changes a stage's output.
LIBRARIES = {
    "extract": ("trafilatura", "resiliparse", "lxml", "pycld2", "faust-cchardet"),
    "filter": ("regex", "pycld2", "fasttext-numpy2-wheel"),
    "dedup": (),
    "tokenizer": ("tokenizers",),
    "shard": ("tokenizers", "mosaicml-streaming"),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """One output to make: its manifest so far, and how to write it into a directory."""

    manifest: Manifest
    write: Callable[[SparkSession, str], None]


@dataclass(slots=True)
class Run:
    """One run of a recipe into one directory.

    Attributes:
        source: run directory to read earlier stages from, where it is not `store`'s own.
        split_bytes: size of an input split (None: chosen by the size of the inputs); changes how the work is
            cut, never what comes out.
        say: where progress lines go.
    """

    recipe: Recipe
    store: Store
    master: str | None = None
    source: str | None = None
    split_bytes: int | None = None
    say: Callable[[str], None] = print
    _spark: SparkSession | None = field(default=None, init=False)

    @property
    def spark(self) -> SparkSession:
        """The session, started when the first stage needs it."""
        if self._spark is None:
            self._spark = start(f"curate {self.recipe.name}", self.master)
        return self._spark

    def run(self, stages: Sequence[str] = STAGES) -> list[Manifest]:
        """Bring the stages up to date, in order; return the manifest of each."""
        return [self._bring(stage) for stage in STAGES if stage in stages]

    def _bring(self, stage: str) -> Manifest:
        if stage == "shard" and isinstance(self.recipe.shard.tokenizer, TrainedTokenizer):
            self._made(self._tokenizer())
        plans = {"extract": self._extract, "filter": self._filter, "dedup": self._dedup, "shard": self._shard}
        return self._made(plans[stage]())

    def _made(self, plan: Plan) -> Manifest:
        """Return the published manifest of a plan, running it if it is not there yet."""
        stage, name = plan.manifest.stage, plan.manifest.fingerprint
        done = self.store.find(stage, name)
        if done is not None:
            self.say(f"{stage} {name}: up to date, nothing to do")
            self.store.point(stage, name)
            return done
        path = self.store.begin(stage, name)
        with shown(self.spark, stage):
            plan.write(self.spark, path)
            manifest = self._accounted(plan.manifest, path)
        self.store.publish(manifest)
        self.say(f"{stage} {name}: {_summary(manifest)}")
        return manifest

    def _accounted(self, manifest: Manifest, path: str) -> Manifest:
        """Count what was written, close the ledger, and complete the manifest."""
        stage = manifest.stage
        if stage == "tokenizer":
            return replace(manifest, files=sizes(path))
        if stage == "shard":
            ledger, detail = sharding.account(self.spark, path)
            ledger.check(self._handed_over("dedup"))
            return replace(
                manifest, files=_without_scratch(path), rows=detail["rows"], digest=detail["digest"],
                ledger=ledger.to_json() | {"tokens": detail["tokens"]}, detail=detail,
            )  # fmt: skip
        ledger, digest, rows = account(self.spark, stage, path)
        ledger.check(None if stage == "extract" else self._handed_over(STAGES[STAGES.index(stage) - 1]))
        if stage == "extract":
            ledger.check_budget(self.recipe.extract.failure_budget)
        files = _without_scratch(path)
        return replace(manifest, files=files, rows=rows, digest=digest, ledger=ledger.to_json())

    def _input(self, stage: str) -> str:
        """Return the directory of an earlier stage's published output."""
        return published(self.source or self.store.directory, stage)

    def _handed_over(self, stage: str) -> Count:
        return Ledger.from_json(read_manifest(self._input(stage)).ledger).total.states["kept"]

    def _plan(
        self,
        stage: str,
        config: Any,
        inputs: Mapping[str, Any],
        write: Callable[[SparkSession, str], None],
        resources: Mapping[str, str] | None = None,
    ) -> Plan:
        parts = {
            "stage": stage,
            "config": canonical(config),
            "inputs": dict(inputs),
            "resources": dict(resources or {}),
            "versions": {name: version(name) for name in LIBRARIES[stage]},
            "output_version": OUTPUT_VERSION[stage],
        }
        return Plan(Manifest(fingerprint=fingerprint(parts), **parts), write)

    def _extract(self) -> Plan:
        recipe = self.recipe
        files = {name: find_files(name, each.paths) for name, each in recipe.inputs.items()}
        # The budget decides whether a stage fails, not what it writes.
        config = {
            "extract": replace(recipe.extract, failure_budget=0.0),
            "inputs": {name: replace(each, path=()) for name, each in recipe.inputs.items()},
            "dropped_text_rate": recipe.dropped_text_rate,
        }

        def write(spark: SparkSession, path: str) -> None:
            pages = read_pages(spark, recipe.inputs, files, self.split_bytes)
            write_rows(extract(pages, recipe.extract, recipe.dropped_text_rate), path)

        return self._plan("extract", config, canonical(files), write)

    def _filter(self) -> Plan:
        recipe, before = self.recipe, self._input("extract")
        config = {
            "filter": recipe.filter,
            "measure": recipe.measure,
            "dropped_text_rate": recipe.dropped_text_rate,
        }
        resources = {path: digest_file(path) for each in recipe.filter for path in files_of(each)}

        def write(spark: SparkSession, path: str) -> None:
            documents = read_kept(spark, before)
            rows = filter_documents(
                documents, recipe.filter, recipe.measure == "all", recipe.dropped_text_rate
            )
            write_rows(rows, path)

        return self._plan("filter", config, _named("extract", before), write, resources)

    def _dedup(self) -> Plan:
        recipe, before = self.recipe, self._input("filter")
        preferences = [Preference(*preference(recipe.filter, each)) for each in recipe.dedup.prefer]

        def write(spark: SparkSession, path: str) -> None:
            finder = Finder(spark, recipe.dedup, preferences, join(path, SCRATCH))
            marked, clusters = finder.mark(read_kept(spark, before))
            write_rows(settled(marked, recipe.dropped_text_rate), path)
            clusters.write.parquet(join(path, "clusters"))

        config = {"dedup": recipe.dedup, "prefer": preferences, "dropped_text_rate": recipe.dropped_text_rate}
        return self._plan("dedup", config, _named("filter", before), write)

    def _tokenizer(self) -> Plan:
        settings, before = self.recipe.shard.tokenizer, self._input("dedup")
        assert isinstance(settings, TrainedTokenizer)

        def write(spark: SparkSession, path: str) -> None:
            sharding.train(read_kept(spark, before), settings.train, path)

        return self._plan("tokenizer", settings, _named("dedup", before), write)

    def _shard(self) -> Plan:
        settings, before = self.recipe.shard, self._input("dedup")
        trained = isinstance(settings.tokenizer, TrainedTokenizer)
        tokenizer = join(self._input_own("tokenizer"), "tokenizer.json") if trained else settings.tokenizer
        assert isinstance(tokenizer, str)

        def write(spark: SparkSession, path: str) -> None:
            sharding.write(read_kept(spark, before), settings, tokenizer, path)

        resources = {"tokenizer.json": digest_file(tokenizer)}
        config = replace(settings, tokenizer="tokenizer.json")
        return self._plan("shard", config, _named("dedup", before), write, resources)

    def _input_own(self, stage: str) -> str:
        return published(self.store.directory, stage)


def _named(stage: str, path: str) -> dict[str, str]:
    return {stage: path.rpartition("/")[2]}


def _without_scratch(path: str) -> Mapping[str, int]:
    return {name: size for name, size in sizes(path).items() if not name.startswith(SCRATCH)}


def _summary(manifest: Manifest) -> str:
    if not manifest.ledger:
        return "made"
    counts = [
        f"{state} {manifest.ledger[state]['records']:,}" for state in ("kept", "dropped", "merged", "failed")
    ]
    return f"{manifest.ledger['in']['records']:,} in: {', '.join(counts)}"
