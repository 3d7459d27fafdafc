from __future__ import annotations

import gzip
import random
import zlib

import brotli
import pytest
import zstandard

from curation.pages import http
from curation.pages.http import BodyTooLarge, decode_body, parse_response

PAGE = b"<html><body>" + b"<p>Some text that packs well.</p>" * 40 + b"</body></html>"


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def chunked(data: bytes, size: int = 100) -> bytes:
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x;ext=1\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "status", "content_type"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", 200, "text/html"),
        (b"HTTP/1.0 404\nContent-Type: text/html\n\n", 404, "text/html"),
        (b"HTTP/1.1 200\r\nno colon here\r\ncontent-type:a/b\r\n\r\n", 200, "a/b"),
        (b"HTTP/2 204 \r\n\r\n", 204, ""),
        (b"http/1.1 500 Sorry\r\n\r\n", 500, ""),
    ],
)
def test_heads_are_parsed_tolerantly(head: bytes, status: int, content_type: str) -> None:
    found = parse_response(head + PAGE)
    assert (found.status, found.content_type, found.body) == (status, content_type, PAGE)
    assert found.notes == ()


def test_a_body_without_http_headers_is_kept_whole() -> None:
    found = parse_response(PAGE)
    assert (found.status, found.body, found.notes) == (None, PAGE, ("no HTTP headers",))


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


@pytest.mark.parametrize(
    ("block", "notes"),
    [
        (b"\r\n\n" + OK + b"\r\n" + PAGE, ("blank lines before the status line",)),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"\r\n" + PAGE, ("a response of status 100 before it",)),
        (
            b"HTTP/1.0 200 Connection established\r\nProxy-agent: a\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
            + OK + b"\r\n" + PAGE,
            ("a response of status 200 before it", "a response of status 103 before it"),
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n" + OK + b"\r\n" + PAGE,
            ("a response of status 302 before it",),
        ),
        (OK.replace(b"\r\n", b"\r") + b"\r" + PAGE, ("its header lines end in CR alone",)),
        (OK + PAGE, ("no blank line after its headers",)),
        (OK + b"  <!DOCTYPE html>\n\n" + PAGE, ("no blank line after its headers",)),
        (OK.replace(b"\r\n", b"\r") + PAGE, ("no blank line after its headers",)),
        (OK.replace(b"\r\n", b"\r\r\n") + b"\r\r\n" + PAGE, ()),
        (OK + b"Link:\r\n <https://a.org/>; rel=next\r\n\r\n" + PAGE, ()),
        (b"HTTP/1.1 200 OK\r\n<!-- a module's -->\r\nContent-Type: text/html\r\n\r\n" + PAGE, ()),
    ],
)  # fmt: skip
def test_heads_as_servers_write_them_are_read_and_repairs_are_noted(
    block: bytes, notes: tuple[str, ...]
) -> None:
    found = parse_response(block)
    assert (found.status, found.content_type, found.notes) == (200, "text/html", notes)
    assert found.body.endswith(PAGE)
    assert found.damaged == bool(notes)


def test_a_text_without_a_blank_line_before_it_is_the_body() -> None:
    found = parse_response(b"HTTP/1.1 200 OK\r\nServer: a\r\nJust some words.\nAnd more: words.")
    assert found.body == b"Just some words.\nAnd more: words."
    assert found.notes == ("no blank line after its headers",)


def test_a_page_about_http_is_no_interim_response() -> None:
    body = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nis how an answer begins"
    found = parse_response(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + body)
    assert (found.body, found.notes) == (body, ())


def test_headers_that_never_end_leave_no_body() -> None:
    assert parse_response(b"HTTP/1.1 200 OK\r\nA: b").body == b""


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (gzip.compress(PAGE, mtime=0), {"content-encoding": "gzip"}),
        (gzip.compress(PAGE, mtime=0), {}),
        (zlib.compress(PAGE), {"content-encoding": "deflate"}),
        (raw_deflate(PAGE), {"content-encoding": "deflate"}),
        (brotli.compress(PAGE), {"content-encoding": "br"}),
        (zstandard.compress(PAGE), {"content-encoding": "zstd"}),
        (gzip.compress(brotli.compress(PAGE), mtime=0), {"content-encoding": "br, x-gzip"}),
        (chunked(PAGE), {"transfer-encoding": "chunked"}),
        (chunked(gzip.compress(PAGE, mtime=0)), {"transfer-encoding": "chunked", "content-encoding": "gzip"}),
    ],
)
def test_codings_are_undone(body: bytes, headers: dict[str, str]) -> None:
    assert decode_body(body, headers) == (PAGE, ())


@pytest.mark.parametrize(
    ("headers", "note"),
    [
        ({"content-encoding": "gzip"}, "Content-Encoding says gzip, the body is not"),
        ({"content-encoding": "deflate"}, "Content-Encoding says deflate, the body is not"),
        ({"content-encoding": "br"}, "Content-Encoding says br, the body is not"),
        ({"transfer-encoding": "chunked"}, "Transfer-Encoding says chunked, the body is not"),
    ],
)
def test_codings_that_are_only_claimed_leave_the_body(headers: dict[str, str], note: str) -> None:
    assert decode_body(PAGE, headers) == (PAGE, (note,))


def test_a_text_that_starts_like_a_chunk_is_kept() -> None:
    body = b"abc\nThis file begins with a line of hexadecimal digits." + b" " * 3000
    assert decode_body(body, {"transfer-encoding": "chunked"})[0] == body


def test_damaged_bodies_keep_their_good_part() -> None:
    packed = gzip.compress(PAGE)
    found, notes = decode_body(packed[:-12], {"content-encoding": "gzip"})
    assert PAGE.startswith(found)
    assert len(found) > 100
    assert notes == ("the gzip body is damaged or cut off",)
    found, notes = decode_body(chunked(PAGE)[:350], {"transfer-encoding": "chunked"})
    assert PAGE.startswith(found)
    assert len(found) > 200
    assert notes == ("the chunked body is damaged or cut off",)


@pytest.mark.parametrize(
    ("pack", "name"),
    [(gzip.compress, "gzip"), (zlib.compress, "deflate"), (brotli.compress, "br"), (zstandard.compress, "zstd")],
)  # fmt: skip
def test_a_bomb_is_too_large_and_one_byte_less_is_not(
    pack: object, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_BODY_BYTES", 1000)
    assert callable(pack)
    headers = {"content-encoding": name}
    assert decode_body(pack(b"a" * 1000), headers) == (b"a" * 1000, ())
    with pytest.raises(BodyTooLarge, match="the decoded body has more than 1000 bytes"):
        decode_body(pack(b"a" * 1001), headers)


@pytest.mark.parametrize(
    ("pack", "name"),
    [(gzip.compress, "gzip"), (brotli.compress, "br"), (zstandard.compress, "zstd")],
)
@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_every_coding_keeps_what_stands_before_the_damage(pack: object, name: str, damage: str) -> None:
    assert callable(pack)
    noise = random.Random(1).randbytes(40_000)  # no coding can hold it all back until its end
    packed = pack(noise)
    body, (note,) = decode_body(
        packed[:30_000] if damage == "cut" else packed + b"garbage", {"content-encoding": name}
    )
    assert noise.startswith(body)
    assert len(body) > 20_000
    assert note == f"the {name} body is damaged or cut off"


def test_every_member_of_a_gzip_body_is_read() -> None:
    packed = gzip.compress(PAGE) + gzip.compress(b"and more") + b"\r\n"
    assert decode_body(packed, {"content-encoding": "gzip"}) == (PAGE + b"and more", ())


def test_of_many_codings_the_last_are_undone_first() -> None:
    packed = gzip.compress(zlib.compress(PAGE))
    assert decode_body(packed, {"content-encoding": "identity, identity, deflate, gzip"}) == (PAGE, ())


def test_a_text_that_starts_like_the_last_chunk_is_kept() -> None:
    headers = {"transfer-encoding": "chunked"}
    note = "Transfer-Encoding says chunked, the body is not"
    assert decode_body(b"0\n1\n2\n", headers) == (b"0\n1\n2\n", (note,))
    assert decode_body(b"0\r\n\r\n", headers) == (b"", ())
    assert decode_body(b"0\r\nExpires: never\r\n\r\n", headers) == (b"", ())


EMPTIED = "the chunked body has an empty chunk before its end"
FIRST, SECOND = chunked(PAGE[:500])[:-5], chunked(PAGE[500:])


@pytest.mark.parametrize(
    ("body", "notes"),
    [
        (FIRST + b"0\r\n\r\n" + SECOND, (EMPTIED,)),
        (FIRST + b"0\r\n" + SECOND, (EMPTIED,)),
        (b"0\r\n\r\n" + FIRST + SECOND, (EMPTIED,)),
        (b"0\r\n" + FIRST + b"0000\r\n\r\n0\r\n\r\n" + SECOND, (EMPTIED,)),
        (FIRST + SECOND + b"HTTP/1.1 200 OK\r\n\r\nthe next", ("another response follows its body",)),
        (FIRST + SECOND + b"\0" * 9, ()),
    ],
)
def test_empty_chunks_do_not_end_a_body_that_goes_on(body: bytes, notes: tuple[str, ...]) -> None:
    assert decode_body(body, {"transfer-encoding": "chunked"}) == (PAGE, notes)


def test_what_follows_the_last_chunk_is_kept_and_noted() -> None:
    found = decode_body(FIRST + SECOND + b"<p>more</p>", {"transfer-encoding": "chunked"})
    assert found == (PAGE + b"\r\n<p>more</p>", ("the chunked body is damaged or cut off",))


@pytest.mark.parametrize("at", [-8, -4])
def test_a_short_gzip_body_with_a_bad_checksum_is_kept_whole(at: int) -> None:
    packed = bytearray(gzip.compress(PAGE))
    packed[at] ^= 1
    assert len(packed) < 200
    found = decode_body(bytes(packed), {"content-encoding": "gzip"})
    assert found == (PAGE, ("the gzip body is damaged or cut off",))


@pytest.mark.usefixtures("hours_are_a_fault")
def test_headers_that_never_end_are_read_in_linear_time() -> None:
    found = parse_response(b"HTTP/1.1 200 OK\r\nA: b" + b"\r\n c" * 8_000_000)
    assert (found.status, found.body) == (200, b"")
