"""Quality: the best share of a corpus by a score, and the models that give one."""
