"""Near duplicates, candidates: word shingles, MinHash signatures, band keys.

Broder 1997, "On the resemblance and containment of documents"; banding as in Leskovec, Rajaraman,
Ullman, "Mining of Massive Datasets", 3.4. The permutations are those of datasketch 2's
`MinHash(num_perm, seed, scheme="affine32")`, bit for bit, given the same 32-bit hashes: mix, multiply
by an odd number, add, all modulo 2**32, keep the least.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from curation.dedup.letters import Offsets
from curation.dedup.words import Hashes, mix64, slices, word_hashes

Signatures = npt.NDArray[np.uint32]

#: Raised whenever the same text would get other shingles, signatures or keys.
VERSION = 2
#: Shingles permuted at once: two arrays of this many 4-byte values should stay in the processor's cache.
SLICE_SHINGLES = 1 << 16
#: Words made into shingles at once.
SLICE_WORDS = 1 << 15
SKETCH_BITS = 64
_EMPTY = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scheme:
    """How signatures are made and cut into bands; two documents of one scheme that share a band are compared.

    Two documents of Jaccard J share at least one band with probability 1 - (1 - J**rows)**bands: more
    bands find more pairs, more rows per band find fewer.
    """

    shingle_words: int = field(default=5, metadata={"min": 1, "max": 16})
    bands: int = field(default=14, metadata={"min": 1, "max": 1024})
    rows_per_band: int = field(default=8, metadata={"min": 1, "max": 64})
    seed: int = field(default=1, metadata={"min": 0, "max": (1 << 32) - 1})

    @property
    def signature_length(self) -> int:
        """Return the length of a signature."""
        return self.bands * self.rows_per_band

    @property
    def id(self) -> str:
        """Return a name that differs wherever keys could differ. Never join tables of different ids.

        >>> Scheme().id.partition(",unicode=")[0]
        'affine32/v2(words=5,bands=14,rows=8,seed=1'
        """
        return (
            f"affine32/v{VERSION}(words={self.shingle_words},bands={self.bands},"
            f"rows={self.rows_per_band},seed={self.seed},unicode={unicodedata.unidata_version})"
        )

    def candidate_probability(self, jaccard: float) -> float:
        """Return the chance that two documents of this Jaccard similarity share a band.

        >>> [round(Scheme().candidate_probability(j), 2) for j in (0.5, 0.7, 0.8, 0.9)]
        [0.05, 0.56, 0.92, 1.0]
        """
        return 1.0 - (1.0 - jaccard**self.rows_per_band) ** self.bands


def shingles(texts: pa.Array, shingle_words: int) -> tuple[Hashes, Offsets]:
    """Return the hash of every run of `shingle_words` words, and the offsets of each text's runs.

    Repeats stay (a signature does not see them; `shingle_sets` takes them out). A text of fewer words
    is one shingle of all its words; a text without a word, or null, has none.

    >>> _, offsets = shingles(pa.array(["one two three", "one", "", "1 2 3 4"]), 3)
    >>> offsets.tolist()
    [0, 1, 2, 2, 4]
    """
    words, bounds = word_hashes(texts)
    counts = np.diff(bounds)
    counts = np.maximum(counts - shingle_words + 1, np.minimum(counts, 1))
    parts = [
        _run_shingles(
            words[bounds[first] : bounds[last]], bounds[first : last + 1] - bounds[first], shingle_words
        )
        for first, last in slices(bounds, SLICE_WORDS)
    ]
    return np.concatenate([np.empty(0, np.uint64), *parts]), np.append(0, np.cumsum(counts))


def _run_shingles(words: Hashes, bounds: Offsets, shingle_words: int) -> Hashes:
    """Return the shingles of a run of documents, one after the other."""
    first, end = bounds[:-1], bounds[1:]
    factors = mix64(np.arange(1, shingle_words + 1, dtype=np.uint64)) | np.uint64(1)
    hashes = words * factors[0]
    for i in range(1, min(shingle_words, len(words))):
        hashes[:-i] += words[i:] * factors[i]
    short = np.flatnonzero((end - first < shingle_words) & (end > first))
    if len(short):
        hashes[first[short]] = _short_shingles(words, first[short], end[short], factors)
    whole = np.ones(len(words), np.bool_)
    for i in range(1, shingle_words):
        past = end - i  # a run from here would reach into the next document
        whole[past[past > first]] = False
    return mix64(hashes[whole])


def _short_shingles(words: Hashes, first: Offsets, end: Offsets, factors: Hashes) -> Hashes:
    """Return one hash for each document of fewer words than a shingle has."""
    hashes = np.zeros(len(first), np.uint64)
    for i, factor in enumerate(factors[: int((end - first).max())]):
        has = first + i < end
        hashes[has] += words[first[has] + i] * factor
    return hashes


def signatures(hashes: Hashes, offsets: Offsets, scheme: Scheme) -> Signatures:
    """Return the MinHash signature of each document, (documents, permutations).

    The upper 32 bits of a shingle's hash are what is permuted. A document without shingles gets all
    ones, as datasketch's empty MinHash does.
    """
    values = np.full((scheme.signature_length, len(offsets) - 1), _EMPTY, np.uint32)
    filled = np.flatnonzero(offsets[1:] > offsets[:-1])  # reduceat misreads an empty run
    bounds = np.append(offsets[filled], offsets[-1])
    factors, terms = permutations(scheme.signature_length, scheme.seed)
    for first, last in slices(bounds, SLICE_SHINGLES):
        start = bounds[first]
        mixed = _mix32((hashes[start : bounds[last]] >> np.uint64(32)).astype(np.uint32))
        runs, scratch = bounds[first:last] - start, np.empty_like(mixed)
        least = np.empty((scheme.signature_length, last - first), np.uint32)
        for row, factor, term in zip(least, factors, terms, strict=True):
            np.multiply(mixed, factor, out=scratch)
            np.add(scratch, term, out=scratch)
            np.minimum.reduceat(scratch, runs, out=row)
        values[:, filled[first:last]] = least
    return np.ascontiguousarray(values.T)


def permutations(count: int, seed: int) -> tuple[Signatures, Signatures]:
    """Return the odd factors and the terms of `count` permutations, as datasketch draws them."""
    generator = np.random.RandomState(seed)
    odd = generator.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return odd, generator.randint(0, 1 << 32, count, dtype=np.uint32)


def band_keys(values: Signatures, scheme: Scheme) -> Hashes:
    """Return a 64-bit key for each band of each signature, (documents, bands).

    The band's number is in the key, so keys of different bands never meet in one bucket.
    """
    keys = np.empty((len(values), scheme.bands), np.uint64)
    seeds = mix64(np.arange(1, scheme.bands + 1, dtype=np.uint64))
    rows = values.reshape(len(values), scheme.bands, scheme.rows_per_band).astype(np.uint64)
    keys[:] = seeds
    for i in range(scheme.rows_per_band):
        keys = mix64(keys ^ rows[:, :, i])
    return keys


def sketches(values: Signatures) -> npt.NDArray[np.int64]:
    """Return a 64-bit number for each document: one bit of each of its signature's first 64 values.

    For two documents of Jaccard J each bit differs with probability (1 - J) / 2 (Li, König 2010, "b-bit
    minwise hashing").
    """
    bits = (values[:, :SKETCH_BITS] & np.uint32(1)).astype(np.uint8)
    packed = np.zeros((len(bits), SKETCH_BITS // 8), np.uint8)
    packed[:, : -(-bits.shape[1] // 8)] = np.packbits(bits, axis=1, bitorder="little")
    return packed.view("<i8").reshape(-1)


def banded(
    texts: pa.Array, scheme: Scheme, scopes: Sequence[str] | None = None
) -> tuple[pa.ListArray, pa.Array]:
    """Return the band keys (lists of int64) and the sketch (int64) of each text.

    A text without a word has no keys, so it is never compared. With `scopes`, one for each text, keys of
    different scopes are equal only once in 2**64 pairs.
    """
    hashes, offsets = shingles(texts, scheme.shingle_words)
    counts = np.diff(offsets)
    values = signatures(hashes, offsets, scheme)
    keys = band_keys(values, scheme)
    if scopes is not None:
        keys ^= np.array([xxhash.xxh3_64_intdigest(scope.encode()) for scope in scopes], np.uint64)[:, None]
    keys = keys[counts > 0]
    bounds = np.zeros(len(offsets), np.int32)
    np.cumsum(np.where(counts > 0, scheme.bands, 0), out=bounds[1:])
    lists = pa.ListArray.from_arrays(pa.array(bounds), pa.array(keys.view(np.int64).ravel()))
    return lists, pa.array(sketches(values))


def _mix32(values: Signatures) -> Signatures:
    """Return MurmurHash3's 32-bit finalizer of each value."""
    values = values ^ (values >> np.uint32(16))
    values *= np.uint32(0x85EBCA6B)
    values ^= values >> np.uint32(13)
    values *= np.uint32(0xC2B2AE35)
    values ^= values >> np.uint32(16)
    return values
