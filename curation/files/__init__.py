"""Files behind any path or URL: read, mapped, unpacked, written whole or not at all."""
