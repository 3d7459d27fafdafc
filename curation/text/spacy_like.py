"""English words by spaCy's rules, without spaCy: for rules whose bounds were chosen on such words.

The behaviour is that of `spacy.blank("en")` 3.8, without white space tokens. The steps follow its documented
order: affixes at both ends, then exceptions, URLs, infixes. Known differences: rare emoticons, units outside
the Latin script, and exceptions that span several chunks. `make bench-conformance` counts how many documents
of a crawl, and how many verdicts, are the same.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator

import regex

from curation.text import bounds as word_bounds

_MARKS = frozenset(",:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪…\"”“`‘´’‚„»«「」『』（）〔〕【】《》〈〉⟦⟧'")
_CURRENCIES = frozenset("$£€¥฿₽﷼₠₡₢₣₤₥₦₧₨₩₪₫₭₮₯₰₱₲₳₴₵₶₷₸₹₺₻₼₾₿")
_PREFIXES = _MARKS | _CURRENCIES | frozenset("§%=—–")  # and `+`, unless a digit follows
_PAIRS = ("):", "''", "’’")  # two marks that are one word at the end of a chunk
_SUFFIXES = _MARKS | frozenset("—–")
_DIGITS = frozenset("0123456789")
_LENGTHS = "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft"
_OTHER_UNITS = "kg g mg µg t lb oz m/s km/h kmh mph hPa Pa mbar mb MB kb KB gb GB tb TB T G M K %"
_UNITS = frozenset([*_LENGTHS.split(), *_OTHER_UNITS.split()])
_LONGEST_UNIT = max(map(len, _UNITS))
_BEFORE_FULL_STOP = _MARKS | _DIGITS | frozenset("%²-+|")  # or a lower-case letter, or two upper-case ones

_LOWER, _UPPER = r"\p{Ll}\p{Lo}", r"\p{Lu}\p{Lt}\p{Lo}"
_ALPHA = r"\p{Ll}\p{Lu}\p{Lt}\p{Lo}"
_QUOTES = r"""'"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉⟦⟧"""
_INFIX = regex.compile(
    rf"\.\.+|…|\p{{So}}|(?<=[0-9])[+\-*^](?=[0-9-])|(?<=[{_LOWER}{_QUOTES}])\.(?=[{_UPPER}{_QUOTES}])"
    rf"|(?<=[{_ALPHA}]),(?=[{_ALPHA}])|(?<=[{_ALPHA}0-9])(?:--?-?|–|——?|~)(?=[{_ALPHA}])"
    rf"|(?<=[{_ALPHA}0-9])[:<>=/](?=[{_ALPHA}])"
)
_HOST = r"[A-Za-z0-9\u00a1-\uffff]"
_ADDRESS = regex.compile(
    rf"(?:[\w+.-]{{2,}}://)?(?:\S+@)?"
    rf"(?:(?:\d{{1,3}}\.){{3}}\d{{1,3}}|(?:{_HOST}(?:[\w\u00a1-\uffff-]{{0,62}}{_HOST})?\.)+[{_LOWER}]{{2,63}})"
    r"(?::\d{2,5})?(?:[/?#]\S*)?"
)
_LONGEST_CHUNK = 2000  # characters; a longer chunk is not English and is split by `word_bounds`
_BLOCK_CHARACTERS = 1 << 16  # of such a chunk, split at once
_LONGEST_CACHED, _MAX_CACHED = 40, 1 << 16  # characters of a chunk; chunks of a generation (about 15 MB)

# Exceptions. Contractions are two words, with either apostrophe or none; `_` is the apostrophe.
_SUBJECTS = {
    "i": "_m _ll _d _ve",
    "you we they": "_ll _d _ve _re",
    "he she it": "_ll _d _s",
    "who what when where why how there": "_s _ll _d _re _ve",
    "that this": "_s _ll _d",
    "these those": "_ll _d _re _ve",
    "could might must should would": "_ve",
}
_NEGATED = "ca could do does did had may might must need ought sha should wo would"
_NEGATED_ONCE = "ai are is was were have has dare"
_REAL_WORDS = "Ill ill Its its Hell hell Shell shell Shed shed were Were Well well Whore whore"
_NOT_SPLIT = frozenset(_REAL_WORDS.split())
_CONTRACTED = "can+not gon+na got+ta y+all not+_ve y_+all"
_WHOLE = (
    "Adm. Ak. Ala. Apr. Ariz. Ark. Aug. Bros. Calif. Co. Colo. Conn. Corp. D.C. Dec. Del. Dr. E.G. E.g."
    " Feb. Fla. Ga. Gen. Gov. I.E. I.e. Ia. Id. Ill. Inc. Ind. Jan. Jr. Jul. Jun. Kan. Kans. Ky. La. Ltd."
    " Mar. Mass. Md. Messrs. Mich. Minn. Miss. Mo. Mont. Mr. Mrs. Ms. Mt. N.C. N.D. N.H. N.J. N.M. N.Y."
    " Neb. Nebr. Nev. Nov. Oct. Okla. Ore. Pa. Ph.D. Prof. Rep. Rev. S.C. Sen. Sep. Sept. St. Tenn. Va."
    " Wash. Wis. a.m. co. e.g. i.e. p.m. v.s. vs. and/or w/o C++ _Cause _cause _Cos _cos _Coz _coz _Cuz _cuz"
    " _bout _em _ll _nuff _re _s _S _d __ ma_am Ma_am o_clock O_clock lovin_ Lovin_ havin_ Havin_ doin_ Doin_"
    " goin_ Goin_ nothin_ Nothin_ nuthin_ Nuthin_ ol_ Ol_ somethin_ Somethin_"
)
_EMOTICONS = re.compile(
    r":['’]?-?[()]{1,3}|:-?[]/|}>*03DOPXopx]|:1|;-?[)D]|=[][()/3|D]|8-?[)D]|\((?:-?[:;]|-8|=)|\)-?:|\[-?:|[][]="
    r"|<3+|</3|<\.<|>\.[<>]|>:[(o]|;_;|@_@|\^_+\^|-_+-|\._\.|[oO0][._][oO0]|[vV][._][vV]|[xX]D+"
)


def _exceptions() -> Iterator[tuple[str, ...]]:
    """Yield the words of every chunk that the affix rules would split differently (one word: not split)."""
    for subjects, ends in _SUBJECTS.items():
        for subject, end in itertools.product(subjects.split(), ends.split()):
            yield subject, end
            if end in ("_ll", "_d"):
                yield subject, end, "_ve"
    for verb in _NEGATED.split():
        yield verb, "n_t"
        yield verb, "n_t", "_ve"
    for verb in _NEGATED_ONCE.split():
        yield verb, "n_t"
    for contraction in _CONTRACTED.split():
        yield tuple(contraction.split("+"))
    for mark in "'’":
        yield from (("let", f"{mark}s"), (f"c{mark}m", "on"), ("how", f"{mark}d", f"{mark}y"))
    for hour, half in itertools.product(range(1, 13), ("a.m.", "am", "p.m.", "pm")):
        yield str(hour), half


def _special() -> dict[str, tuple[str, ...]]:
    special: dict[str, tuple[str, ...]] = {}
    for pieces in _exceptions():
        for cased in (pieces, (pieces[0].title(), *pieces[1:])):
            for mark in ("'", "’", ""):
                written = tuple(piece.replace("_", mark) for piece in cased)
                if "".join(written) not in _NOT_SPLIT:
                    special["".join(written)] = written
    for whole in _WHOLE.split():
        for mark in ("'", "’"):
            special[whole.replace("_", mark)] = (whole.replace("_", mark),)
    letters = [*map(chr, range(ord("a"), ord("z") + 1)), "ä", "ö", "ü"]
    return special | {f"{letter}.": (f"{letter}.",) for letter in letters}


_SPECIAL = _special()
_LONGEST_SPECIAL = max(map(len, _SPECIAL))


# Nearly all chunks are a word of letters or a number, with marks around it that are split off one by one.
_LETTERS = r"[A-Za-zÀ-ÖØ-öø-ÿ]+"
_NUMBER = r"[0-9]+(?:[.,:][0-9]+)*"
_QUICK = re.compile(
    rf"""(["'(\[“‘`*#$£€]?)({_NUMBER}|{_LETTERS}(?:(?:--?-?|[–—/:=~]|——){_LETTERS})*)((?:(?<![0-9])['’][sS])?)"""
    r"""([,.;:!?)"”’'\]`*]{0,2})"""
)
_INNER_MARKS = re.compile(r"(--?-?|[–/:=~]|——?)")
_NOT_QUICK = frozenset(_PAIRS) | {".."}
# Words that may be an exception, or part of one, together with the marks around them.
_MAYBE_SPECIAL = {"8"}.union(match[2] for match in map(_QUICK.fullmatch, _SPECIAL) if match)


def words(text: str) -> list[str]:
    """Return the words of a text in order, without white space.

    >>> words("Mr. Low doesn't pay $5.50 (U.S.) well-made...")
    ['Mr.', 'Low', 'does', "n't", 'pay', '$', '5.50', '(', 'U.S.', ')', 'well', '-', 'made', '...']
    """
    chunks = text.split()
    cut = {chunk: tuple(split_chunk(chunk)) for chunk in set(chunks)}
    return list(itertools.chain.from_iterable(map(cut.__getitem__, chunks)))


def split_chunk(chunk: str) -> Iterable[str]:
    """Return the words of a chunk, the text between white space; those of a very long one one by one."""
    return (chunk,) if chunk.isalpha() and chunk not in _SPECIAL else _CACHE[chunk]


class _Cache(dict[str, Iterable[str]]):
    """Chunk -> words, for recent chunks that hold more than letters.

    There are two generations. When the newer one is full the older one is dropped, so frequent chunks stay.
    """

    def __init__(self) -> None:
        super().__init__()
        self._older: dict[str, Iterable[str]] = {}

    def __missing__(self, chunk: str) -> Iterable[str]:
        split = self._older.get(chunk) or _split(chunk)
        if len(chunk) <= _LONGEST_CACHED:
            if len(self) >= _MAX_CACHED:
                self._older = dict(self)
                self.clear()
            self[chunk] = split
        return split


_CACHE = _Cache()


def _split(chunk: str) -> Iterable[str]:
    if len(chunk) > _LONGEST_CHUNK:
        blocks = range(0, len(chunk), _BLOCK_CHARACTERS)
        parts = (chunk[start : start + _BLOCK_CHARACTERS] for start in blocks)
        return itertools.chain.from_iterable(word_bounds.words(part, others=True) for part in parts)
    return _quick(chunk) or tuple(_pieces(chunk))


def _quick(chunk: str) -> tuple[str, ...] | None:
    """Return the words of a chunk of the common form; None if an exception may apply."""
    match = _QUICK.fullmatch(chunk)
    if match is None:
        return None
    before, core, possessive, after = match.groups()
    if core in _MAYBE_SPECIAL or after in _NOT_QUICK:
        return None
    if after[:1] == ".":  # certainly a full stop, not part of an abbreviation
        end = match.start(4)
        last = chunk[end - 1]
        if not (
            last.islower() or last in _DIGITS or (end > 1 and last.isupper() and chunk[end - 2].isupper())
        ):
            return None
    cores = (core,) if core.isalpha() or core[0] in _DIGITS else _INNER_MARKS.split(core)
    return tuple(filter(None, (before, *cores, possessive, *after)))


def _is_whole(chunk: str, begin: int, end: int) -> bool:
    """Return whether the rest is an exception, so that no more affixes are split off."""
    if not 0 < end - begin <= _LONGEST_SPECIAL:
        return False
    core = chunk[begin:end]
    return core in _SPECIAL or _EMOTICONS.fullmatch(core) is not None


def _pieces(chunk: str) -> Iterator[str]:
    """Yield the words of a chunk: split affixes off both ends in turn, then split the rest."""
    begin, end, after = 0, len(chunk), []
    while begin < end and not _is_whole(chunk, begin, end):
        start = begin + _prefix_length(chunk, begin, end)
        stop = end - _suffix_length(chunk, start, end) if start < end else end
        if start > begin and _is_whole(chunk, start, end):
            stop = end
        elif stop < end and _is_whole(chunk, begin, stop):
            start = begin
        if start == begin and stop == end:
            break
        if start > begin:
            yield chunk[begin:start]
        if stop < end:
            after.append(chunk[stop:end])
        begin, end = start, stop
    core = chunk[begin:end]
    if core:
        yield from _SPECIAL.get(core) or _infixes(core)
    yield from reversed(after)


def _prefix_length(chunk: str, begin: int, end: int) -> int:
    """Return the length of the prefix to split off, 0 if there is none."""
    mark = chunk[begin]
    following = chunk[begin + 1] if begin + 1 < end else ""
    if mark in _PREFIXES or (mark == "+" and following not in _DIGITS):
        return 1
    if mark == "." and following == ".":
        return end - begin - len(chunk[begin:end].lstrip("."))
    if mark in "UCA" and chunk.startswith(("US$", "C$", "A$"), begin, end):
        return 3 if mark == "U" else 2
    return int(unicodedata.category(mark) == "So")


def _suffix_length(chunk: str, begin: int, end: int) -> int:
    """Return the length of the suffix to split off, 0 if there is none."""
    mark = chunk[end - 1]
    before = chunk[end - 2] if end - 2 >= begin else ""
    if mark == ".":
        if before == ".":
            return end - begin - len(chunk[begin:end].rstrip("."))
        two_upper = before.isupper() and end - 3 >= begin and chunk[end - 3].isupper()
        return int(bool(before) and (before in _BEFORE_FULL_STOP or _lower(before) or two_upper))
    if before + mark in _PAIRS:
        return 2
    if mark in _SUFFIXES or unicodedata.category(mark) == "So":
        return 1
    if mark in "sS" and before and before in "'’":
        return 2
    if before in _DIGITS and (mark == "+" or mark in _CURRENCIES):
        return 1
    for length in range(min(_LONGEST_UNIT, end - begin - 1), 0, -1):
        if chunk[end - length - 1] in _DIGITS and chunk[end - length : end] in _UNITS:
            return length
    return 0


def _lower(letter: str) -> bool:
    return unicodedata.category(letter) in ("Ll", "Lo")


def _infixes(core: str) -> Iterator[str]:
    """Yield the words of the rest between prefixes and suffixes."""
    whole = _EMOTICONS.fullmatch(core) if len(core) <= _LONGEST_SPECIAL else None
    if whole or ("." in core and _ADDRESS.fullmatch(core)):
        yield core
        return
    start = 0
    for match in _INFIX.finditer(core):
        if match.start() == 0:
            continue
        if match.start() > start:
            yield core[start : match.start()]
        yield match[0]
        start = match.end()
    if start < len(core):
        yield core[start:]
