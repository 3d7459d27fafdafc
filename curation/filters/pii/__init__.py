"""Personal data: what names a person, and secrets, found and masked."""
