"""Shards: which there are, their rows, verified, and the thread that reads them ahead."""
