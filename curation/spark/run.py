"""A run of a recipe: which stages are out of date; run those, close their ledgers, publish each.

A stage's fingerprint is the hash of what of the recipe decides its output, of what it reads, and of its
`output_version`; a stage whose output is published under its fingerprint is not run again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from curation.accounting.account import STATES, Count
from curation.accounting.budget import check_losses
from curation.accounting.ledger import Ledger
from curation.accounting.manifest import Manifest, published, read_manifest
from curation.recipe.recipe import Recipe
from curation.spark.errors import StageFailed, StaleInput, UnknownStage, differences
from curation.spark.rows import without_strays
from curation.spark.session import start
from curation.spark.stage import Context, Stage, check_order
from curation.spark.stages.decontaminate import DECONTAMINATE
from curation.spark.stages.dedup import DEDUP
from curation.spark.stages.extract import EXTRACT
from curation.spark.stages.filter import FILTER
from curation.spark.stages.lines import LINES
from curation.spark.stages.select import SELECT
from curation.spark.stages.shard import SHARD
from curation.spark.stages.sites import SITES
from curation.spark.stages.tokenizer import TOKENIZER
from curation.spark.store import Store, sizes

#: Every stage there is, in the order a document meets them.
STAGES: tuple[Stage, ...] = (
    EXTRACT,
    LINES,
    FILTER,
    SELECT,
    DEDUP,
    SITES,
    DECONTAMINATE,
    TOKENIZER,
    SHARD,
)


@dataclass(slots=True)
class Run:
    """One run of a recipe into one directory.

    Attributes:
        source: run directory to read earlier stages from, where it is not `store`'s own.
        split_bytes: size of an input split (None: chosen by the size of the inputs); changes how the work is
            cut, never what comes out.
        say: where progress lines go.
        stages: those there are, in order.
    """

    recipe: Recipe
    store: Store
    master: str | None = None
    source: str | None = None
    split_bytes: int | None = None
    say: Callable[[str], None] = print
    stages: Sequence[Stage] = STAGES
    _spark: SparkSession | None = field(default=None, init=False)
    _done: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        check_order(self.stages)

    @property
    def spark(self) -> SparkSession:
        """The session, started when the first stage needs it."""
        if self._spark is None:
            self._spark = start(f"curate {self.recipe.name}", self.master)
        return self._spark

    def run(self, only: Collection[str] = ()) -> list[Manifest]:
        """Bring stages up to date, in order: `only` these, or all; return the manifests that hold a ledger.

        Raises:
            UnknownStage: there is no stage of such a name.
        """
        chosen = self._chosen(only)
        for stage in self.stages:
            if stage.name in chosen and stage not in self.declared:
                self.store.withdraw(stage.name)  # what an earlier recipe had is no part of this run
                if stage.name in only:
                    self.say(f"{stage.name}: the recipe does without it, nothing to do")
        manifests = [self._bring(stage) for stage in self.declared if stage.name in chosen]
        return [manifest for manifest in manifests if manifest.ledger]

    @property
    def declared(self) -> list[Stage]:
        """The stages that the recipe has, in order."""
        return [stage for stage in self.stages if stage.section(self.recipe) is not None]

    def context(self, stage: Stage) -> Context:
        """Return what a stage works on.

        Raises:
            MissingManifest: the stage before it was never published.
            StaleInput: it was made by other settings.
        """
        before = self._before(stage)
        context = Context(
            recipe=self.recipe,
            settings=stage.section(self.recipe),
            before=before.name if before else "",
            directory=self._input(before) if before else "",
            published=self._published,
            split_bytes=self.split_bytes,
        )
        return replace(context, inputs=stage.inputs(context))

    def _chosen(self, only: Collection[str]) -> set[str]:
        """Return the names of the stages to bring up to date, those without a ledger with what needs them."""
        known = {stage.name: stage for stage in self.stages}
        for name in only:
            if name not in known:
                raise UnknownStage(f"no stage is called '{name}'; known: {', '.join(known)}")
        needed = {name for chosen in only for name in known[chosen].after if known[name].account is None}
        return {*only, *needed} or set(known)

    def _before(self, stage: Stage) -> Stage | None:
        """Return the stage whose kept documents a stage reads."""
        if not stage.after:
            return None
        earlier = self.declared[: self.declared.index(stage)]
        return next(other for other in reversed(earlier) if other.account is not None)

    def _bring(self, stage: Stage) -> Manifest:
        """Return the published manifest of a stage, running it if its output is not there yet."""
        context = self.context(stage)
        made_by = stage.manifest(context)
        manifest = self.store.find(stage.name, made_by.fingerprint)
        if manifest is not None:
            self.say(f"{stage.name} {made_by.fingerprint}: up to date, nothing to do")
            self.store.point(stage.name, made_by.fingerprint)
        else:
            manifest = self._ran(stage, context, made_by)
            self.say(f"{stage.name} {made_by.fingerprint}: {_summary(manifest)}")
        self._done.add(stage.name)
        if manifest.ledger:  # published all the same: what failed is there to be looked at
            budget = self.recipe.extract.failure_budget
            check_losses(Ledger.from_json(manifest.ledger), budget, manifest.detail)
        return manifest

    def _ran(self, stage: Stage, context: Context, made_by: Manifest) -> Manifest:
        path = self.store.begin(stage.name, made_by.fingerprint)
        try:
            detail = stage.write(self.spark, context, path) or {}
            manifest = self._accounted(stage, context, replace(made_by, detail=detail), path)
        except (PySparkException, ValueError) as error:
            raise StageFailed(stage.name, error) from error
        self.store.publish(manifest)
        return manifest

    def _accounted(self, stage: Stage, context: Context, manifest: Manifest, path: str) -> Manifest:
        """Count what was written, close the ledger, and complete the manifest."""
        if stage.account is not None:
            counted = stage.account(self.spark, path)
            losses = stage.losses(self.spark, context, counted.ledger, path) if stage.losses else None
            counted.ledger.check(_handed_over(context))
            manifest = replace(
                manifest,
                rows=counted.rows,
                digest=counted.digest,
                ledger=counted.ledger.to_json(),
                detail={**manifest.detail, **counted.detail, **(losses or {})},
            )
        return replace(manifest, files=without_strays(path, sizes(path)))

    def _published(self, stage: str) -> str:
        """Return the directory of a stage's output: this run's own, else the one in `source`."""
        elsewhere = self.source if stage not in self._done else None
        return published(elsewhere or self.store.directory, stage)

    def _input(self, stage: Stage) -> str:
        """Return the directory of an earlier stage's output; StaleInput where other settings made it."""
        path = self._published(stage.name)
        theirs, ours = read_manifest(path).config, stage.decided_by(self.recipe)
        if theirs != ours:
            raise StaleInput(
                f"{path}: was made by other settings of {stage.name} than this recipe's "
                f"({', '.join(differences(theirs, ours))}); run {stage.name} with this recipe first"
            )
        return path


def _handed_over(context: Context) -> Count | None:
    """Return what the stage before kept, which is what comes in; None for a stage that reads the inputs."""
    if not context.directory:
        return None
    return Ledger.from_json(read_manifest(context.directory).ledger).total.states["kept"]


def _summary(manifest: Manifest) -> str:
    if not manifest.ledger:
        return "; ".join(filter(None, ("made", manifest.detail.get("note"))))
    counts = ", ".join(f"{state} {manifest.ledger[state]['records']:,}" for state in STATES)
    return f"{manifest.ledger['in']['records']:,} in: {counts}"
