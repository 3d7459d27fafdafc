"""Which documents say the same: exact digests, MinHash bands, verified pairs, elected leaders.

Everything here is a pure function on Arrow arrays; the shuffle between them belongs to the caller.
"""
