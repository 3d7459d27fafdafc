"""Duplicates: exact digests, MinHash bands, verified pairs, elected leaders.

Everything here is a pure function of Arrow arrays; the caller shuffles rows between the steps.
"""
