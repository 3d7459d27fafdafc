"""What must survive extraction as it was, whoever chooses a page's blocks: code, formulas, tables, lists."""

from curation.extract.render.lift import lift_tree
from curation.extract.render.marks import Items, Lifted, strip_marks
from curation.extract.render.source import lift_source
from curation.extract.render.writer import Kept, Rendered, write

__all__ = ["Items", "Kept", "Lifted", "Rendered", "lift_source", "lift_tree", "strip_marks", "write"]
