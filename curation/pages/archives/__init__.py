"""The records of WARC and ARC files, and every damaged part of a file between them."""
