"""What a run says: before it begins, while it goes, and after it."""
