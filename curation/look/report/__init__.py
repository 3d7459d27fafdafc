"""One HTML page about a run: its contents are gathered first, then drawn."""

from curation.look.report.contents import Contents, gather
from curation.look.report.page import render, write_report
from curation.look.report.training import MissingTraining
