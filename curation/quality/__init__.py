"""Quality: models that score texts, and selection of the best share of a corpus by a score."""
