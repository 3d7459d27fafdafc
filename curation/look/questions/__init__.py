"""Questions to a run; each answer is a value that prints itself or turns into JSON."""
