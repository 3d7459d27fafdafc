"""A run of a recipe: which stages are out of date; run those, close their ledgers, publish each.

A stage's fingerprint is the hash of its section of the recipe, of what it reads, and of the code's
OUTPUT_VERSION; a stage whose output is published under its fingerprint is not run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from curation.accounting.fingerprint import canonical, fingerprint
from curation.accounting.ledger import STATES, Count, Ledger
from curation.accounting.manifest import STAGES, Manifest, join, published, read_manifest
from curation.files.digests import digest_file
from curation.quality.selection import Selection
from curation.recipe.recipe import Recipe, preference
from curation.recipe.sections.history import earlier_outputs
from curation.recipe.sections.passes import files_of
from curation.recipe.sections.select import measured_only, selections
from curation.recipe.sections.shard import TrainedTokenizer
from curation.spark.dedup.history import History
from curation.spark.errors import StageFailed, StaleInput, differences
from curation.spark.inputs import embeddings, scopes
from curation.spark.progress import shown
from curation.spark.samples import store_samples
from curation.spark.session import start
from curation.spark.sources import read_pages
from curation.spark.stages import decontaminate, lines, select, shard, sites
from curation.spark.stages.dedup import Finder, Preference
from curation.spark.store import SCRATCH, TABLES, Store, check_unchanged, find_files, sizes
from curation.spark.tables import account, extract, filter_documents, read_kept, write_rows
from curation.spark.versions import LIBRARIES, OUTPUT_VERSION


@dataclass(frozen=True, slots=True)
class Plan:
    """One output to make: its manifest so far, and how to write it into a directory."""

    manifest: Manifest
    write: Callable[[SparkSession, str], Mapping[str, Any] | None]  # returns the manifest's detail


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
        for stage in stages:
            if stage not in self.stages:  # what an earlier recipe had is no part of this run
                self.store.withdraw(stage)
        return [self._bring(stage) for stage in self.stages if stage in stages]

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that the recipe has, in order."""
        wanted = {"select": bool(self._selections())}
        wanted |= {
            name: getattr(self.recipe, name) is not None for name in ("lines", "sites", "decontaminate")
        }
        return tuple(stage for stage in STAGES if wanted.get(stage, True))

    def _before(self, stage: str) -> str:
        """Return the stage whose kept documents a stage reads."""
        return self.stages[self.stages.index(stage) - 1]

    def _bring(self, stage: str) -> Manifest:
        if stage == "shard" and isinstance(self.recipe.shard.tokenizer, TrainedTokenizer):
            self._made(self._tokenizer())
        plan: Callable[[], Plan] = getattr(self, f"_{stage}")
        return self._made(plan())

    def _made(self, plan: Plan) -> Manifest:
        """Return the published manifest of a plan, running it if it is not there yet."""
        stage, name = plan.manifest.stage, plan.manifest.fingerprint
        manifest = self.store.find(stage, name)
        if manifest is not None:
            self.say(f"{stage} {name}: up to date, nothing to do")
            self.store.point(stage, name)
        else:
            manifest = self._ran(plan)
            self.say(f"{stage} {name}: {_summary(manifest)}")
        if stage == "extract":  # published all the same: what failed is there to be looked at
            Ledger.from_json(manifest.ledger).check_budget(self.recipe.extract.failure_budget)
        return manifest

    def _ran(self, plan: Plan) -> Manifest:
        stage = plan.manifest.stage
        path = self.store.begin(stage, plan.manifest.fingerprint)
        try:
            with shown(self.spark, stage):
                detail = plan.write(self.spark, path) or {}
                manifest = self._accounted(replace(plan.manifest, detail=detail), path)
        except (PySparkException, ValueError) as error:
            raise StageFailed(stage, error) from error
        self.store.publish(manifest)
        return manifest

    def _accounted(self, manifest: Manifest, path: str) -> Manifest:
        """Count what was written, close the ledger, and complete the manifest."""
        stage = manifest.stage
        if stage == "shard":
            ledger, detail = shard.account(self.spark, path)
            ledger.check(self._handed_over(self._before(stage)))
            rows, digest = detail["rows"], detail["digest"]
            manifest = replace(manifest, rows=rows, digest=digest, ledger=ledger.to_json(), detail=detail)
        elif stage != "tokenizer":
            ledger, digest, rows = account(self.spark, stage, path)
            ledger.check(None if stage == "extract" else self._handed_over(self._before(stage)))
            detail = {**manifest.detail, **store_samples(self.spark, path, ledger)}
            manifest = replace(manifest, rows=rows, digest=digest, ledger=ledger.to_json(), detail=detail)
        return replace(manifest, files=sizes(path))

    def _input(self, stage: str) -> str:
        """Return the directory of an earlier stage's output; StaleInput where other settings made it."""
        path = published(self.source or self.store.directory, stage)
        found, wanted = read_manifest(path).config, canonical(self._config(stage))
        if found != wanted:
            raise StaleInput(
                f"{path}: was made by other settings of {stage} than this recipe's "
                f"({', '.join(differences(found, wanted))}); run {stage} with this recipe first"
            )
        return path

    def _handed_over(self, stage: str) -> Count:
        return Ledger.from_json(read_manifest(self._input(stage)).ledger).total.states["kept"]

    def _config(self, stage: str) -> dict[str, Any]:
        """Return what of the recipe decides a stage's output."""
        recipe = self.recipe
        if stage == "extract":  # the budget decides whether a run goes on, not what a stage writes
            inputs = {name: replace(each, path=(), snapshot=None) for name, each in recipe.inputs.items()}
            config = {"extract": replace(recipe.extract, failure_budget=0.0), "inputs": inputs}
        elif stage == "filter":
            passes = [measured_only(each) for each in recipe.filter]
            config = {"filter": passes, "measure": recipe.measure}
        elif stage == "select":
            config = {"select": self._selections()}
        elif stage in ("lines", "sites"):
            config = {stage: getattr(recipe, stage)}
        elif stage == "decontaminate":
            assert recipe.decontaminate is not None
            sets = sorted({file.set for file in recipe.decontaminate.files()})  # their bytes are resources
            config = {"decontaminate": replace(recipe.decontaminate, against=()), "sets": sets}
        else:
            settings = replace(recipe.dedup, against=())  # what lies there is an input, wherever it lies
            config = {"dedup": settings, "prefer": self._preferences(), "scopes": scopes(recipe)}
        return config | {"dropped_text_rate": recipe.dropped_text_rate}

    def _preferences(self) -> list[Preference]:
        return [Preference(*preference(self.recipe.filter, each)) for each in self.recipe.dedup.prefer]

    def _plan(
        self,
        stage: str,
        config: Any,
        inputs: Mapping[str, Any],
        write: Callable[[SparkSession, str], Mapping[str, Any] | None],
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

        def write(spark: SparkSession, path: str) -> None:
            pages = read_pages(spark, recipe.inputs, files, self.split_bytes)
            write_rows(extract(pages, recipe.extract, recipe.dropped_text_rate), path)
            for name, each in recipe.inputs.items():
                check_unchanged(name, each.paths, files[name])

        return self._plan("extract", self._config("extract"), canonical(files), write)

    def _lines(self) -> Plan:
        settings, before, rate = self.recipe.lines, self._input("extract"), self.recipe.dropped_text_rate
        assert settings is not None

        def write(spark: SparkSession, path: str) -> Mapping[str, Any]:
            return lines.write(spark, read_kept(spark, before), settings, path, rate)

        return self._plan("lines", self._config("lines"), _named("extract", before), write)

    def _filter(self) -> Plan:
        recipe, stage = self.recipe, self._before("filter")
        before = self._input(stage)
        resources = {path: digest_file(path) for each in recipe.filter for path in files_of(each)}

        def write(spark: SparkSession, path: str) -> None:
            documents, rate = read_kept(spark, before), recipe.dropped_text_rate
            write_rows(filter_documents(documents, recipe.filter, recipe.measure == "all", rate), path)

        return self._plan("filter", self._config("filter"), _named(stage, before), write, resources)

    def _selections(self) -> tuple[Selection, ...]:
        return selections(self.recipe.filter, self.recipe.select)

    def _select(self) -> Plan:
        before, rate = self._input("filter"), self.recipe.dropped_text_rate

        def write(spark: SparkSession, path: str) -> Mapping[str, Any]:
            return select.write(spark, read_kept(spark, before), self._selections(), path, rate)

        return self._plan("select", self._config("select"), _named("filter", before), write)

    def _dedup(self) -> Plan:
        recipe, stage = self.recipe, self._before("dedup")
        before = self._input(stage)
        earlier = {path: read_manifest(path) for path in earlier_outputs(recipe.dedup)}

        def write(spark: SparkSession, path: str) -> Mapping[str, Any]:
            history = History(spark, earlier) if earlier else None
            tables = join(path, SCRATCH, TABLES)
            finder = Finder(spark, recipe.dedup, self._preferences(), tables, scopes(recipe), history)
            return finder.write(read_kept(spark, before), path, recipe.dropped_text_rate)

        inputs: dict[str, Any] = dict(_named(stage, before))
        resources: dict[str, str] = {}
        if recipe.dedup.semantic:
            inputs["embeddings"], resources = embeddings(recipe.dedup.semantic)
        if earlier:
            inputs["against"] = [f"{each.fingerprint} {each.digest}" for each in earlier.values()]
        return self._plan("dedup", self._config("dedup"), inputs, write, resources)

    def _sites(self) -> Plan:
        settings, before, rate = self.recipe.sites, self._input("dedup"), self.recipe.dropped_text_rate
        assert settings is not None

        def write(spark: SparkSession, path: str) -> Mapping[str, Any]:
            return sites.write(spark, read_kept(spark, before), settings, path, rate)

        return self._plan("sites", self._config("sites"), _named("dedup", before), write)

    def _decontaminate(self) -> Plan:
        settings, stage = self.recipe.decontaminate, self._before("decontaminate")
        before, rate = self._input(stage), self.recipe.dropped_text_rate
        assert settings is not None

        def write(spark: SparkSession, path: str) -> Mapping[str, Any]:
            return decontaminate.write(spark, read_kept(spark, before), settings, path, rate)

        resources = decontaminate.resources(settings)
        return self._plan(
            "decontaminate", self._config("decontaminate"), _named(stage, before), write, resources
        )

    def _tokenizer(self) -> Plan:
        settings, stage = self.recipe.shard.tokenizer, self._before("shard")
        before = self._input(stage)
        assert isinstance(settings, TrainedTokenizer)

        def write(spark: SparkSession, path: str) -> None:
            shard.train(read_kept(spark, before), settings.train, path)

        return self._plan("tokenizer", settings, _named(stage, before), write)

    def _shard(self) -> Plan:
        settings, stage = self.recipe.shard, self._before("shard")
        before = self._input(stage)
        tokenizer = settings.tokenizer
        if isinstance(tokenizer, TrainedTokenizer):
            tokenizer = join(published(self.store.directory, "tokenizer"), "tokenizer.json")
        url = tokenizer

        def write(spark: SparkSession, path: str) -> None:
            shard.write(read_kept(spark, before), settings, url, path)

        resources = {"tokenizer.json": digest_file(url)}
        config = replace(settings, tokenizer="tokenizer.json")
        return self._plan("shard", config, _named(stage, before), write, resources)


def _named(stage: str, path: str) -> dict[str, str]:
    return {stage: path.rpartition("/")[2]}


def _summary(manifest: Manifest) -> str:
    if not manifest.ledger:
        return "made"
    counts = ", ".join(f"{state} {manifest.ledger[state]['records']:,}" for state in STATES)
    return f"{manifest.ledger['in']['records']:,} in: {counts}"
