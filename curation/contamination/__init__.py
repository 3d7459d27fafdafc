"""Contamination: evaluation items found in documents, word for word."""
