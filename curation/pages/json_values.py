"""JSON files that are not one value a line in UTF-8: wide encodings, arrays, values over several lines."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator

from curation.pages.page import MAX_BODY_BYTES

SNIFFED_BYTES = 4096
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: An array of objects, or an object whose first key stands on a line of its own.
_WHOLE = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\[\s*(?:\{|\]\s*\Z)|\{[ \t]*\r?\n\s*")')
_BETWEEN = re.compile(r"[\s,\[\]]*")
_WIDE_BRACES = (
    (b"{\0\0\0", "utf-32-le"),
    (b"\0\0\0{", "utf-32-be"),
    (b"{\0", "utf-16-le"),
    (b"\0{", "utf-16-be"),
)


class BadValues(Exception):
    """The values cannot be read further; `read_fraction` says how much of what was pulled was read."""

    read_fraction = 1.0


def wide_encoding(first: bytes) -> str | None:
    """Return UTF-16 or UTF-32 where a file of JSON begins with its mark or a brace in it, else None."""
    return next((name for mark, name in (*_BOMS, *_WIDE_BRACES) if first.startswith(mark)), None)


def is_whole(first: bytes) -> bool:
    """Return whether a file that begins so is an array of objects, or of objects over several lines."""
    return _WHOLE.match(first) is not None


def recoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the bytes of a text in UTF-8; U+FFFD stands for what is none in `encoding`."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "replace")
    yield decoder.decode(b"", True).encode("utf-8", "replace")


def values(pieces: Iterable[bytes]) -> Iterator[object]:
    """Yield the values of a file, those of its arrays one by one. Raises BadValues."""
    text = _Ahead(pieces)
    decoder, depth = json.JSONDecoder(), 0
    while True:
        between = text.skip(_BETWEEN)
        depth += between.count("[") - between.count("]")
        if text.ended:
            if depth > 0:
                raise BadValues("the file ends inside a JSON array")
            return
        try:
            yield text.value(decoder)
        except BadValues as error:
            error.read_fraction = text.read_fraction
            raise


class _Ahead:
    """A text that is pulled as far as it is needed."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._pieces = map(decoder.decode, pieces)
        self._text = ""
        self._at = 0
        self._whole = False
        self._passed = 0

    @property
    def read_fraction(self) -> float:
        """How much of what was pulled lies before here, 0 to 1."""
        return (self._passed + self._at) / (self._passed + len(self._text) or 1)

    @property
    def ended(self) -> bool:
        """Whether nothing follows."""
        return self._at == len(self._text) and not self._pull(1)

    def _pull(self, count: int) -> bool:
        """Return whether something came; takes at least so many characters, while there are some."""
        parts = [self._text[self._at :]]
        came = 0
        while came < count and not self._whole:
            part = next(self._pieces, None)
            self._whole = part is None
            parts.append(part or "")
            came += len(parts[-1])
        self._passed += self._at
        self._text, self._at = "".join(parts), 0
        return came > 0

    def skip(self, pattern: re.Pattern[str]) -> str:
        """Return what the pattern matches from here on, and pass over it."""
        passed = []
        while True:
            match = pattern.match(self._text, self._at)
            assert match is not None, "it matches nothing too"
            passed.append(match[0])
            self._at = match.end()
            if self._at < len(self._text) or not self._pull(1):
                return "".join(passed)

    def value(self, decoder: json.JSONDecoder) -> object:
        """Return the value that starts here, and pass over it. Raises BadValues."""
        while True:
            start = self._at
            try:
                value, end = decoder.raw_decode(self._text, start)
                if end < len(self._text) or not self._pull(1):  # a number at the end may go on
                    self._at += end - start
                    return value
            except RecursionError:
                raise BadValues("a value is nested too deeply") from None
            except ValueError as error:
                # Each try takes twice as much, so that the tries cost no more than the last one.
                held = len(self._text) - start
                if held > MAX_BODY_BYTES:
                    raise BadValues(f"a value of more than {MAX_BODY_BYTES} characters") from None
                if not self._pull(max(1, held)):
                    raise BadValues(f"not JSON: {getattr(error, 'msg', error)}") from None
