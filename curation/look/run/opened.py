"""A run directory as one value: its manifests are read once, when it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from curation.accounting.account import STATES, ReasonCount
from curation.accounting.ledger import Ledger
from curation.accounting.manifest import Manifest, MissingManifest, join, read_manifests
from curation.accounting.sample import STORED
from curation.accounting.settle import SETTLED
from curation.document import COLUMN, LABEL
from curation.filters.rules import Pass, Rule
from curation.look.errors import Disagreement
from curation.look.run.mask import Masker, read_masker
from curation.look.run.measured import RuleBounds, rule_bounds
from curation.look.run.passes import read_passes
from curation.look.run.stored import Scan, open_table


@dataclass(frozen=True)
class OpenedRun:
    """A run directory as it stood when it was opened.

    Whatever reads a stage that was never published there raises `MissingManifest`.

    Attributes:
        directory: of the run, local or on an object store.
        manifests: stage -> manifest of its published output; a stage stands after the one it was made from.
    """

    directory: str
    manifests: Mapping[str, Manifest]

    def manifest(self, stage: str) -> Manifest:
        """Return the manifest of a stage.

        Raises:
            MissingManifest: the stage was never published there.
        """
        if stage not in self.manifests:
            pointer = join(self.directory, stage, "current.json")
            raise MissingManifest(
                f"{pointer}: not found, so no {stage} was published in {self.directory}; run the stage first"
            )
        return self.manifests[stage]

    def path(self, stage: str, *names: str) -> str:
        """Return the directory of a stage's published output, or a path below it."""
        return join(self.directory, stage, self.manifest(stage).fingerprint, *names)

    def ledger(self, stage: str) -> Mapping[str, Any]:
        """Return the account of a stage, as its manifest holds it; with zeros, rules that removed nothing."""
        ledger = self.manifest(stage).ledger
        if stage != "filter" or not ledger:
            return ledger
        return {**ledger, "reasons": ledger["reasons"] | self._silent(ledger["reasons"])}

    def _silent(self, reasons: Mapping[str, Any]) -> dict[str, Any]:
        return {name: asdict(ReasonCount()) for name in self.bounds.binding if name not in reasons}

    @cached_property
    def sample_rates(self) -> dict[str, float]:
        """Source -> the share of its records that the run read; nothing where extract was not published."""
        extracted = self.manifests.get("extract")
        inputs = extracted.config.get("inputs", {}) if extracted else {}
        return {source: float(settings.get("sample") or 1.0) for source, settings in inputs.items()}

    @cached_property
    def row_stages(self) -> tuple[str, ...]:
        """The published stages that keep rows of documents: all that keep an account, but shards."""
        return tuple(
            stage
            for stage, manifest in self.manifests.items()
            if manifest.ledger and "streams" not in manifest.detail
        )

    def require_rows(self) -> tuple[str, ...]:
        """Return the stages that keep rows of documents, at least one."""
        if not self.row_stages:
            raise MissingManifest(
                f"{self.directory}: no stage has published documents there; run a recipe first"
            )
        return self.row_stages

    def rows(self, stage: str) -> ds.Dataset:
        """Return the rows of a stage as an Arrow dataset, with their `state`."""
        return self._rows(stage, "rows")

    def _rows(self, stage: str, folder: str) -> ds.Dataset:
        states = ds.partitioning(pa.schema([pa.field("state", pa.string())]), flavor="hive")
        files = [
            name
            for name in self.manifest(stage).files
            if name.startswith(f"{folder}/state=") and name.endswith(".parquet")
        ]
        if not files:
            return ds.dataset(SETTLED.empty_table())
        try:
            return open_table(self.path(stage), files, partitioning=states)
        except FileNotFoundError as error:
            raise Disagreement(
                f"{self.path(stage)}: a file is missing of which the ledger says what it held ({error}). "
                "Its files are not those that were published: run the stage again"
            ) from None

    def row_count(self, stage: str, state: str | None = None) -> int:
        """Return how many rows a stage wrote, or those that ended in one state.

        They are as many as its ledger's records, but of failures: one of them may stand for many.
        """
        manifest = self.manifest(stage)
        records = {name: int(manifest.ledger[name]["records"]) for name in STATES if name != "failed"}
        if state is None:
            return manifest.rows
        return records[state] if state in records else manifest.rows - sum(records.values())

    def scans(self, stage: str, state: str | None = None, *, rate: float) -> list[Scan]:
        """Return where to read a hash-sample of `rate` of a stage, or of those that ended in one state.

        It is the stored sample of those states that have one of as high a rate, and all rows of the others.
        """
        manifest = self.manifest(stage)
        stored = manifest.detail.get(STORED, {})
        states = [state] if state else STATES
        if not any(rate <= stored.get(name, -1.0) for name in states):
            total = self.row_count(stage, state)
            only = pc.field("state") == state if state else None
            return [Scan(table=self.rows(stage), only=only, state=state, read=total, total=total)]
        scans = []
        for name in states:
            if total := self.row_count(stage, name):
                is_sample, only = rate <= stored.get(name, -1.0), pc.field("state") == name
                table = self._rows(stage, STORED if is_sample else "rows")
                read = table.count_rows(filter=only) if is_sample else total
                scans.append(Scan(table=table, only=only, state=name, read=read, total=total))
        return scans

    def clusters(self) -> ds.Dataset:
        """Return the clusters table: id, kept_id, jaccard, bands_shared, cluster_size, reason."""
        return open_table(self.path("dedup", "clusters"))

    def funnel(self) -> tuple[list[Ledger], str]:
        """Return the ledgers of the stages, in order, and a note on what was left out.

        A stage that was made from another output than the one published before it now is left out, with all
        after it: its account is of other data. The note says so, or is empty.
        """
        ledgers: list[Ledger] = []
        before = None
        for stage, manifest in self.manifests.items():
            if not manifest.ledger:
                continue
            made_from = manifest.inputs.get(before.stage) if before else None
            if before and made_from != before.fingerprint:
                made = f"from {before.stage} {made_from}" if made_from else f"without {before.stage}"
                return ledgers, (
                    f"{stage} {manifest.fingerprint} was made {made}, not from the "
                    f"{before.fingerprint} that is there now: left out; run it again"
                )
            before = manifest
            ledgers.append(Ledger.from_json(self.ledger(stage)))
        if not ledgers:
            raise MissingManifest(
                f"{self.directory}: no stage was published there; expected the --out of a run"
            )
        return ledgers, ""

    @cached_property
    def passes(self) -> tuple[Pass, ...]:
        """The passes that the filter stage ran; none where it was not published."""
        filtered = self.manifests.get("filter")
        return read_passes(filtered.config.get("filter") or ()) if filtered else ()

    @cached_property
    def rules(self) -> Mapping[str, Rule]:
        """`pass.rule` -> rule of the filter stage, in their order."""
        return {
            f"{filter_pass.name}.{rule.name}": rule
            for filter_pass in self.passes
            for rule in filter_pass.rules
        }

    @cached_property
    def bounds(self) -> RuleBounds:
        """The bounds of the rules of the filter stage, as arrays."""
        measure = str(self.manifest("filter").config.get("measure", "needed"))
        return rule_bounds(self.passes, measure)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The labels that the filter stage gave, `label.NAME`."""
        names = [label.name for filter_pass in self.passes for label in filter_pass.labels]
        return tuple(f"{LABEL}{name}" for name in names if name != "language")

    @cached_property
    def carried(self) -> tuple[str, ...]:
        """The columns that the inputs carry along, `column.NAME`."""
        config = self.manifests["extract"].config if "extract" in self.manifests else {}
        inputs = config.get("inputs", {}).values()
        names = (f"{COLUMN}{name}" for source in inputs for name in source.get("columns", ()))
        return tuple(dict.fromkeys(names))

    def whole_name(self, name: str) -> str:
        """Return `column.NAME` where an input carries a column of this name; else the name."""
        return f"{COLUMN}{name}" if f"{COLUMN}{name}" in self.carried else name

    @cached_property
    def mask(self) -> Masker:
        """What masks as the recipe of the run does; nothing where no filter stage was published."""
        return read_masker(self.passes)


def open_run(directory: str) -> OpenedRun:
    """Open a run directory: read the manifest of every stage that was published there (`read_manifests`)."""
    return OpenedRun(directory, read_manifests(directory))
