"""Bytes to pages: WARC, ARC, JSONL and Parquet, local or behind any URL, cut into splits.

A reader never raises on what it reads and never skips in silence: what cannot be read is a page with
`failure` set, located by file, offset and length.
"""
