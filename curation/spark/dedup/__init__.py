"""Deduplication on Spark: buckets, leaders, components, history; each step a table."""
