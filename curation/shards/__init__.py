"""Text to training rows: token ids, rows of equal length, MDS shards with their provenance."""
