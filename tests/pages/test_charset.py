from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.pages import charset
from curation.pages.charset import codec, decode, decode_text

RUSSIAN = "Комитет собрался во вторник, чтобы обсудить предложение о водоснабжении региона. " * 5
JAPANESE = "委員会は火曜日に会合を開き、地域の水道についての提案を検討した。これは重要である。" * 5
CHINESE = "委员会星期二开会，讨论本地区供水的提案。这件事情非常重要，我们应该好好考虑。" * 5
POLISH = "Zażółć gęślą jaźń; komitet spotkał się we wtorek, żeby omówić wnioski. " * 5
GERMAN = "Der Ausschuß prüfte die Vorschläge über künftige Wassergebühren für Bürger. " * 5


@pytest.mark.parametrize(
    ("text", "encoding", "content_type", "charset", "method"),
    [
        (RUSSIAN, "utf-8", "text/html; charset=windows-1251", "utf-8", "utf-8"),
        (RUSSIAN, "cp1251", "text/html; charset=windows-1251", "cp1251", "header"),
        (RUSSIAN, "cp1251", "text/html; charset=utf-8", "cp1251", "detected"),
        (RUSSIAN, "koi8-r", 'text/html; charset="KOI8-R"', "koi8-r", "header"),
        (JAPANESE, "cp932", "text/html;charset=x-sjis", "cp932", "header"),
        (JAPANESE, "euc_jp", "text/html", "euc_jp", "detected"),
        (JAPANESE, "iso2022_jp", "text/html", "iso2022_jp", "escapes"),
        (POLISH, "iso8859-2", "text/html; charset=ISO-8859-2", "iso8859-2", "header"),
        (GERMAN, "utf-16", "text/html", "utf-16-le", "bom"),
        (GERMAN, "utf-16-be", "text/html; charset=utf-8", "utf-16-be", "nul_pattern"),
        (GERMAN, "utf-8-sig", "", "utf-8", "bom"),
    ],
)
def test_the_chain(text: str, encoding: str, content_type: str, charset: str, method: str) -> None:
    found = decode(text.encode(encoding), content_type)
    assert (found.charset, found.method, found.replaced_count) == (charset, method, 0)
    assert found.text == text


@pytest.mark.parametrize(
    ("text", "encoding", "lie"),
    [
        (RUSSIAN, "cp1251", "iso-8859-2"),
        (RUSSIAN, "cp1251", "koi8-r"),
        (RUSSIAN, "koi8-r", "windows-1253"),
        (JAPANESE, "cp932", "windows-1252"),
        (JAPANESE, "cp932", "euc-kr"),
        (CHINESE, "gb18030", "euc-kr"),
        (CHINESE, "gb18030", "koi8-r"),
        (POLISH.replace("Zażółć gęślą jaźń; komitet", "Komitet"), "cp1250", "windows-1251"),
        (GERMAN, "cp1252", "shift_jis"),
        ("The committee met on Tuesday. " * 200 + "It’s a “draft”, £90.", "cp1252", "koi8-r"),
    ],
)
def test_a_header_that_names_another_legacy_charset_is_seen_through(
    text: str, encoding: str, lie: str
) -> None:
    found = decode(text.encode(encoding), f"text/html; charset={lie}")
    assert (found.text, found.charset) == (text, encoding)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Привет! 100 % CPU и Wi-Fi. ", "koi8-r"),
        ("Za 5 zł. ", "iso8859-2"),
        ("中文 Windows 系统，A股。", "gb18030"),
        ("ﾃｽﾄ日本", "cp932"),
        ("ΑΒΓ και τάξη", "cp1253"),
    ],
)
def test_a_right_header_is_believed_however_short_the_text(text: str, encoding: str) -> None:
    found = decode(text.encode(encoding), f"text/html; charset={encoding}")
    assert (found.text, found.charset, found.method) == (text, encoding, "header")


@pytest.mark.parametrize("lie", ["iso-8859-2", "windows-1250"])
@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("El niño pasó la mañana en España con su compañera, que también soñaba con el otoño. ", "cp1252"),
        ("Não são só as ações da administração que dão razão às reclamações da população. ", "cp1252"),
        ("Bugün İstanbul'da yağmur yağıyor, çocuklar ise dışarıda oynamak için sabırsızlanıyor. ", "cp1254"),
    ],
    ids=["es", "pt", "tr"],
)
def test_a_header_that_cannot_write_the_language_is_seen_through(text: str, encoding: str, lie: str) -> None:
    found = decode((text * 4).encode(encoding), f"text/html; charset={lie}")
    assert (found.text, found.charset) == (text * 4, encoding)


def test_the_page_itself_declares() -> None:
    html = f'<html><head><meta http-equiv=x content="text/html; charset=euc-kr"></head>{"가나다라" * 20}'
    found = decode(html.encode("cp949"), "text/html; charset=iso-8859-1")
    assert (found.charset, found.method, found.text) == ("cp949", "meta", html)


def test_utf8_with_a_few_bad_bytes_is_repaired_and_counted() -> None:
    body = ("naïve café “quoted” " * 200).encode() + b"\xff" + b" end"
    found = decode(body, "text/html")
    assert (found.charset, found.method, found.replaced_count) == ("utf-8", "utf-8_repaired", 1)
    assert found.text.endswith("\ufffd end")


def test_a_few_curly_quotes_are_windows_1252() -> None:
    body = b"The committee met on Tuesday. " * 200 + b"It\x92s a \x93draft\x94, \xa390."
    found = decode(body, "text/html; charset=utf-8")
    assert (found.charset, found.method) == ("cp1252", "sparse")
    assert found.text.endswith("It’s a “draft”, £90.")


def test_letters_between_long_scripts_are_evidence_enough() -> None:
    body = (POLISH * 2).encode("cp1250") + b"<script>" + b"var x = 1;\n" * 9000 + b"</script>"
    found = decode(body, "text/html")
    assert (found.charset, found.method) == ("cp1250", "detected")
    assert found.text.startswith(POLISH)


@pytest.mark.parametrize(("quotes", "charset"), [("„”", "cp1250"), ('""', "iso8859-2")])
def test_a_page_with_bytes_that_a_charset_leaves_to_controls_is_in_the_other(
    quotes: str, charset: str
) -> None:
    text = (
        f"{quotes[0]}Příliš žluťoučký kůň úpěl ďábelské ódy{quotes[1]}, řekl učitel a otevřel dveře školy. "
        * 5
    )
    found = decode(text.encode(charset), "text/html")
    assert (found.charset, found.text) == (charset, text)


def test_genuine_replacement_characters_are_not_counted() -> None:
    assert decode("a\ufffdb".encode()).replaced_count == 0


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("latin1", "cp1252"), ("us-ascii", "cp1252"), ("GB2312", "gb18030"), ("big5", "big5hkscs"),
        ("shift_jis", "cp932"), ("EUC-KR", "cp949"), ("iso-8859-9", "cp1254"), ("utf8", "utf-8"),
        ("hex", None), ("rot13", None), ("unicode_escape", None), ("idna", None), ("x-unknown-42", None),
        ("", None), ("\0", None),
    ],
)  # fmt: skip
def test_labels_mean_what_browsers_mean(label: str, name: str | None) -> None:
    assert codec(label) == name


@given(st.binary(max_size=400), st.text(max_size=40))
def test_any_bytes_decode_to_text_that_utf8_can_hold(body: bytes, content_type: str) -> None:
    found = decode(body, content_type)
    found.text.encode()
    assert found.replaced_count >= 0
    assert decode(body, content_type) == found


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_text_that_is_no_page_survives_to_the_letter(text: str) -> None:
    for exact in (text, f"\ufeff{text}", "a\0" * 40 + text, f"\x1b$B{text}"):
        assert decode_text(exact.encode()).text == exact
    assert decode_text("naïve – ".encode("cp1252") + b"text " * 99).text.startswith("naïve – ")


@pytest.mark.usefixtures("hours_are_a_fault")
@pytest.mark.parametrize("hostile", [b"<script ", b"<", b"<style></script>", b"<!--<"])
def test_markup_that_never_ends_takes_linear_time(hostile: bytes) -> None:
    words = "Grüße aus Köln, schöne Tage; ".encode("latin-1") * 40
    found = decode(words + hostile * (4_000_000 // len(hostile)), "text/html; charset=iso-8859-2")
    assert found.replaced_count == 0


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a<b>c</b>d", "a c d"),
        ("a<script>x</script>b<STYLE>y</style >c", "a >b  >c"),
        ("a<script>x", "a x"),
        ("a<script", "a<script"),
        ("a<scripts>b</scripts>", "a b "),
        ("a < b > c << d", "a   c << d"),
        ("<<a <script b </script c", "<<a   c"),
        ("<script></style></script><style>z</script></style>", " > >"),
    ],
)
def test_markup_is_left_out(html: str, text: str) -> None:
    assert charset.without_markup(html) == text
    assert charset.without_markup(html) == re.sub(
        r"<(script|style)\b.*?</\1|<[^>]*>", " ", html, flags=re.DOTALL | re.IGNORECASE
    )
