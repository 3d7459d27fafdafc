"""What a run is told: its settings read, derived from a size, and checked."""
