"""A run opened as data: its tables, measures, bounds and masks."""
