"""How records start and what their headers say, for the two formats of web archives: WARC and ARC.

Sources: ISO 28500 (WARC 1.0, 1.1); "Arc File Format" version 1.0, Internet Archive, 15 September 1996.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Grammar:
    """A format's record starts; `resync` is `record` for a search in mid-file, where more must hold.

    Where one split ends and the next begins is decided by `resync` on both sides, so that both agree whatever
    the split; what follows a block of the declared length need only be a `record`. `start_bytes` are enough
    to decide both. A gzip member that matches `member` starts a record.
    `head_end` ends the headers, `fields` reads them (under WARC's names in lower case, whatever the format),
    `trailer` follows the block.
    """

    name: str
    record: re.Pattern[bytes]
    resync: re.Pattern[bytes]
    member: re.Pattern[bytes]
    start_bytes: int
    head_end: re.Pattern[bytes]
    trailer: bytes
    fields: Callable[[bytes], Mapping[str, str]]


def header_fields(head: bytes) -> dict[str, str]:
    """Return header names in lower case with their values, first one wins; lines without a colon are skipped.

    The first line (version or status) is not a header. Folded lines are joined.
    """
    fields: dict[str, list[str]] = {}
    name = ""
    for line in head.replace(b"\r\n", b"\n").split(b"\n")[1:]:
        text = _decode(line)
        if line[:1] in (b" ", b"\t"):
            if name:
                fields[name].append(text.strip())
            continue
        before, colon, value = text.partition(":")
        name = before.strip().lower() if colon else ""
        if name and name not in fields:
            fields[name] = [value.strip()]
        else:
            name = ""
    return {name: " ".join(parts) for name, parts in fields.items()}


def arc_fields(head: bytes) -> dict[str, str]:
    """Return an ARC record's one line under WARC's names.

    The file's own description is a warcinfo, everything else a response; the date is written as WARC does.
    A version 2 line has its status, checksum, location, offset and file name between the media type and the
    length: they are not needed. A URL may hold spaces, as old crawlers wrote them.

    >>> arc_fields(b"http://a.org/ 1.2.3.4 20080430204825 text/html 680")["warc-date"]
    '2008-04-30T20:48:25Z'
    """
    line = _ARC_LINE.fullmatch(head)
    assert line is not None, "the record's start has matched"
    url, address, date, media, length = map(_decode, line.groups())
    return {
        "warc-type": "warcinfo" if url.startswith("filedesc:") else "response",
        "warc-target-uri": url,
        "warc-ip-address": address,
        "warc-date": _iso(date),
        "content-type": media.partition(" ")[0] if media.count(" ") > 3 else media,
        "content-length": length,
    }


def _iso(date: str) -> str:
    if len(date) != 14:
        return date
    return f"{date[:4]}-{date[4:6]}-{date[6:8]}T{date[8:10]}:{date[10:12]}:{date[12:]}Z"


def _decode(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


#: What may stand before a record: blank lines, and a byte order mark of those who edited the file.
BLANK = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*+")
#: Lines end as the standard has it, as editors do, and as tools do that ended the standard's lines once more.
_WARC_START = re.compile(rb"WARC/\d{1,3}\.\d{1,3}[ \t]*\r*+\n[!-9;-~]{1,64}[ \t]*:", re.IGNORECASE)

WARC = Grammar(
    name="WARC",
    record=_WARC_START,
    resync=_WARC_START,
    member=re.compile(BLANK.pattern + rb"WARC/", re.IGNORECASE),
    start_bytes=128,
    head_end=re.compile(rb"\n\r*+\n"),
    trailer=b"\r\n\r\n",
    fields=header_fields,
)

#: URL, IP address, date, media type, length. No magic number: the line itself must look like one.
_ARC_FORM = (
    rb"([A-Za-z][A-Za-z0-9+.-]{0,31}:[^\r\n]{0,8192}?) ([0-9A-Fa-f.:-]{1,45}) (\d{12}|\d{14})"
    rb" ([^\r\n]{0,1024}?) ?(\d{1,18})"
)
_ARC_LINE = re.compile(_ARC_FORM)
_ARC_START = re.compile(_ARC_FORM + rb"\r?\n")
#: One that no line end stands before, as some writers left it, but the end of a page or an image. Only known
#: schemes tell where it starts; an address inside another one must not, as it starts no record.
_ARC_GLUED = (
    rb"(?<=[>}\0\x82\xd9])(?:https?|ftp|dns|filedesc):[^\s<>\"']{0,8192}"
    rb" [0-9A-Fa-f.:-]{1,45} (?:\d{12}|\d{14}) [^\r\n]{0,1024}? ?\d{1,18}\r?\n"
)

ARC = Grammar(
    name="ARC",
    record=_ARC_START,
    resync=re.compile(rb"(?<=\n)" + _ARC_START.pattern + rb"|" + _ARC_GLUED),
    member=re.compile(BLANK.pattern + _ARC_START.pattern),
    start_bytes=10_240,
    head_end=re.compile(rb"\r?\n"),
    trailer=b"\n",
    fields=arc_fields,
)
