"""Pages to documents: the record gate, the charset, a guarded extractor, and one row for every page."""
