"""Judging and editing: rules bound signals, edits change texts, a pass runs both over documents."""
