"""What the user declares: YAML to frozen dataclasses, every mistake with its line and column."""
