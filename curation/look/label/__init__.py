"""Labels that people give to documents: where they are kept, the page to give them, and what they train."""

from curation.look.label.marks import agreement, export, path
from curation.look.label.page import LabelStore, draw, label_page
from curation.look.label.server import LocalPage
from curation.look.label.texts import BadTexts, train_quality, write_likeness
