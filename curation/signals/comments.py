"""The share of comments in source code, and the ending of a file's name, which tells its language."""

from __future__ import annotations

import functools
import re
from typing import Literal, get_args
from urllib.parse import unquote

from curation.signals.models.labels import UNKNOWN, labeller
from curation.signals.registry import signal
from curation.text.address import split_url
from curation.text.text import Text

Style = Literal["c", "php", "hash", "python", "sql", "lua", "haskell", "markup", "lisp", "tex"]

_NAME_CHARACTERS = 255  # of a file's name
_LONGEST_ENDING = 16  # what is longer is no ending, but a name with a dot
_ENDINGS: dict[str, str] = {
    "c": "c h cc cpp cxx hpp hh cu m mm java js jsx mjs ts tsx cs go rs swift kt kts scala dart groovy proto"
    " css scss less v sv glsl hlsl sol zig d",
    "php": "php",
    "hash": "sh bash zsh rb pl pm r jl yml yaml toml tf cmake mk dockerfile ex exs nim tcl awk ps1 coffee cr",
    "python": "py pyi pyx",
    "sql": "sql ada adb ads vhd vhdl elm",
    "lua": "lua",
    "haskell": "hs lhs purs",
    "markup": "html htm xml xhtml svg vue md xsl",
    "lisp": "lisp cl el scm rkt clj cljs asm s ini",
    "tex": "tex sty cls erl prolog mat",
}
_STYLES = {ending: style for style, endings in _ENDINGS.items() for ending in endings.split()}

_QUOTED = r'"(?:\\.|[^"\\\n])*"?'
_SINGLE = r"'(?:\\.|[^'\\\n])*'?"
_BLOCK = r"(?P<block>/\*.*?(?:\*/|\Z))"
_HASH = r"(?P<line>#[^\n]*)"
#: What is a comment, among strings, which may hold its marks. Each alternative reads on from where it begins.
_PATTERNS: dict[str, str] = {
    "c": rf"(?P<line>//[^\n]*)|{_BLOCK}|{_QUOTED}|{_SINGLE}|`(?:\\.|[^`\\])*`?",
    "php": rf"(?P<line>(?://|#)[^\n]*)|{_BLOCK}|{_QUOTED}|{_SINGLE}",
    "hash": rf"{_HASH}|{_QUOTED}|{_SINGLE}",
    "python": (
        r'(?m:(?P<block>^[ \t]*[rRuU]?(?:""".*?(?:"""|\Z)|' + r"'''.*?(?:'''|\Z))))"
        rf'|{_HASH}|""".*?(?:"""|\Z)|' + rf"'''.*?(?:'''|\Z)|{_QUOTED}|{_SINGLE}"
    ),
    "sql": rf"(?P<line>--[^\n]*)|{_BLOCK}|{_SINGLE}|{_QUOTED}",
    "lua": rf"(?P<block>--\[\[.*?(?:\]\]|\Z))|(?P<line>--[^\n]*)|{_QUOTED}|{_SINGLE}",
    "haskell": rf"(?P<block>\{{-.*?(?:-\}}|\Z))|(?P<line>--[^\n]*)|{_QUOTED}",
    "markup": r"(?P<block><!--.*?(?:-->|\Z))",
    "lisp": rf"(?P<line>;[^\n]*)|{_QUOTED}",
    "tex": r"\\.|(?P<line>%[^\n]*)",
}


def file_name(url: str) -> str:
    """Return the last part of a URL's or file's path, without query and fragment.

    >>> file_name("https://a.org/src/Main.JAVA?raw=1"), file_name("src/a.py"), file_name("")
    ('Main.JAVA', 'a.py', '')
    """
    path = split_url(url)[1] if "://" in url else url
    return unquote(path.partition("?")[0].partition("#")[0].rpartition("/")[2])[-_NAME_CHARACTERS:]


@labeller
def extension_label(text: Text) -> str:
    """The ending of the document's file name in lower case, by its URL; "unknown" where it has none.

    With `when: {extension: [py]}` a pass has bounds for one kind of file, as StarCoder's table has (Li et al.
    2023, section 3.1).

    >>> extension_label(Text("", url="https://a.org/src/Main.JAVA?raw=1")), extension_label(Text(""))
    ('java', 'unknown')
    """
    stem, _, ending = file_name(text.url).rpartition(".")
    named = stem and ending.isascii() and ending.isalnum() and len(ending) <= _LONGEST_ENDING
    return ending.lower() if named else UNKNOWN


@signal
def comment_fraction(text: Text, *, style: Style | None = None, unknown: float = 0.0) -> float:
    r"""Share of the code's characters that are comments, with their marks; 0.0 for an empty text.

    `style` says how comments are written (`c`: `//` and `/* */`; `hash`: `#`; `python`: also strings in three
    quotes that begin a line; and so on). None: by the ending of the file's name in the document's URL; where
    that is not known the value is `unknown`, at least 0 and at most 1. Marks inside strings are no comments.

    Source: SantaCoder's comments-to-code ratio (Ben Allal et al. 2023; code: bigcode-dataset,
    preprocessing/filtering.py: 0.01 to 0.8). It reads Python by its tokenizer and counts comments and
    docstrings there without their marks; other languages by Pygments.

    >>> comment_fraction(Text("x = '#'  # one\n"), style="python")
    0.3333333333333333
    """
    style_name = style or _STYLES.get(extension_label(text))
    if style_name is None:
        return min(max(unknown, 0.0), 1.0)
    if not text.raw:
        return 0.0
    matches = _pattern(style_name).finditer(text.raw)
    return sum(len(match[0].lstrip()) for match in matches if match.lastgroup) / len(text.raw)


@functools.cache
def _pattern(style: str) -> re.Pattern[str]:
    assert style in get_args(Style)
    return re.compile(_PATTERNS[style], re.DOTALL)
