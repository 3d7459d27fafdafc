"""A run directory opened as one value, and what is asked of it: rows, samples, measures, bounds, masks."""

from curation.look.run.bounds import (
    BadChange,
    BoundChange,
    apply_changes,
    read_changes,
    suggested,
    write_changed,
)
from curation.look.run.columns import (
    COLUMNS,
    LABEL,
    Key,
    RecordBatch,
    fetch,
    fetch_stored,
    measure_names,
    record_batches,
)
from curation.look.run.mask import Masker, View
from curation.look.run.measured import Group, MeasuredBatch, RuleBounds, measured_batches
from curation.look.run.opened import OpenedRun, open_run
from curation.look.run.originals import Original, read_originals, visible_texts
from curation.look.run.predicate import BadPredicate, Predicate, read_predicate
from curation.look.run.samples import documents, masked_rows, stored
from curation.look.run.stored import DEVIATE, Scan, among, estimated, matching, open_table
from curation.look.run.tokens import Rates, kept_rates, rates
from curation.look.run.written import write_rows
