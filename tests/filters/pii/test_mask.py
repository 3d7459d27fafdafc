"""What is masked and what only looks like it, kind by kind."""

from __future__ import annotations

import pytest

from curation.filters import EDITS, Masked
from curation.filters.pii.mask import mask_pii, spans

ALL = ("email", "ip", "phone", "card", "iban", "secret")
DIGITS = [
    "٠١٢٣٤٥٦٧٨٩",
    "۰۱۲۳۴۵۶۷۸۹",
    "०१२३४५६७८९",
    "০১২৩৪৫৬৭৮৯",
    "０１２３４５６７８９",
    "๐๑๒๓๔๕๖๗๘๙",
    "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
]
E = "email@example.com"
I = "192.0.2.1"  # noqa: E741
IBAN, CARD = "DE89370400440532013000", "4539148803436467"


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("", ""),
        ("Write to jane.doe+x@mail.example.org.", f"Write to {E}."),
        ("<a@b.co>,c@d.de", f"<{E}>,{E}"),
        ("'a@b.co' or **c@d.de**", f"'{E}' or **{E}**"),
        ("mailto:me@my-host.co.uk?subject=x", f"mailto:{E}?subject=x"),
        ("联系foo@bar.com吧", f"联系{E}吧"),
        ("jörg@müller.de, иван@почта.рф", f"{E}, {E}"),
        ("jane [at] mail [dot] org, j.d (at) mail.co.uk", f"{E}, {E}"),
        ("@user and user@ and user@host", "@user and user@ and user@host"),
        ("look at (this) or [at] that", "look at (this) or [at] that"),
        ("icon@2x.png react@18.2.0", "icon@2x.png react@18.2.0"),
        ("x" * 64 + "@mail.org", E),
        ("x" * 65 + "@mail.org", "x" * 65 + "@mail.org"),
        ("jane.doe@8.8.8.8 or jane@[8.8.8.8]", f"{E} or {E}"),
        ("jane@[IPv6:2a00:1450:4001:82a::200e]", E),
        ("jane@10.0.0.1, jane@[x], jane@8.8.8.8.8", "jane@10.0.0.1, jane@[x], jane@8.8.8.8.8"),
        ("git@github.com:org/repo.git git@github.com:", "git@github.com:org/repo.git git@github.com:"),
        ("scp x me@web.example.org:/tmp me@a.org:b.git", "scp x me@web.example.org:/tmp me@a.org:b.git"),
        ("ssh://me@web.example.org/", "ssh://me@web.example.org/"),
        ("root@web.example.org:~# ls", "root@web.example.org:~# ls"),
        ("[root@web.example.org ~]# ls", "[root@web.example.org ~]# ls"),
        ("root@8.8.8.8:/etc# ls", f"root@{I}:/etc# ls"),
        ("From: Jane <jane@mail.org>\nTo: x", f"From: Jane <{E}>\nTo: x"),
        ("jane@mail.org: hello; jane@mail.org:secret1", f"{E}: hello; {E}:secret1"),
        ("from 8.8.8.8, and 1.1.1.1.", f"from {I}, and {I}."),
        ("http://93.184.216.34:80/", f"http://{I}:80/"),
        ("private 10.0.0.1 192.168.1.1 127.0.0.1 stay", "private 10.0.0.1 192.168.1.1 127.0.0.1 stay"),
        ("section 8.8.8.8.1 or v1.2.3.4.5", "section 8.8.8.8.1 or v1.2.3.4.5"),
        ("v8.8.8.8 8.8.8.8b 8.8.8 8.8.8.256", "v8.8.8.8 8.8.8.8b 8.8.8 8.8.8.256"),
        ("Version 4.15.16.23, version: 4.15.16.23", "Version 4.15.16.23, version: 4.15.16.23"),
        ("08.8.8.8", "08.8.8.8"),
        ("[2001:4860:4860::8888]:53", f"[{I}]:53"),
        ("2a00:1450:4001:82a:0:0:0:200e.", f"{I}."),
        ("fe80::1 ::1 2001:db8::1 dead::beef", "fe80::1 ::1 2001:db8::1 dead::beef"),
        ("2021:10:12 20:11:12 and std::vector", "2021:10:12 20:11:12 and std::vector"),
    ],
)
def test_addresses(text, edited):
    assert mask_pii(text).text == edited


def masked(text):
    return mask_pii(text, kinds=ALL).text


@pytest.mark.parametrize(
    "number",
    [
        "+49 30 901820",
        "+49 (0)30 901820",
        "+442079460018",
        "+1-212-555-0187",
        "0033 1 23 45 67 89",
        "(212) 555-0187",
        "212-555-0187",
        "1-212-555-0187",
        "01 23 45 67 89",
        "(020) 7946 0018",
        "020 7946 0018",
        "030/1234567",
        "(11) 91234-5678",
        "8 (495) 123-45-67",
        "138 0013 8000",
        "707 852 2173",
        "1 800 555 0187",
        "03 234 5678",
        "02-751-1500",
        "02 123 45 67",
        "08-123 456 78",
        "01 2345 678",
        "06-12345678",
        "06 20 123 4567",
        "0711 123456",
        "0800 12 345",
        "1300 224 636",
        "612 34 56 78",
        "11 91234-5678",
        "8-495-123-45-67",
        "8 (7172) 12-34-56",
    ],
)
def test_a_telephone_number_goes_without_a_word_before_it(number):
    assert masked(f"at {number}, or") == "at <phone>, or"


@pytest.mark.parametrize(
    "cue", ["Tel.: ", "phone ", "Call us at ", "Fax: ", "电话：".replace("：", ": "), "☎ ", "тел. "]
)
def test_a_word_before_it_tells_a_telephone_number(cue):
    assert masked(f"{cue}9876 5432.") == f"{cue}<phone>."
    assert masked("it has 9876 5432.") == "it has 9876 5432."


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("Tel:800-889-6452, Fax:(513)734-7047", "Tel:<phone>, Fax:<phone>"),
        ("at 12:30 555 0187", "at 12:30 555 0187"),
        ("Call Jane O'Brien-Doe at 475-9341.", "Call Jane O'Brien-Doe at <phone>."),
        ("it stood at 475-9341", "it stood at 475-9341"),
        ("030 1234567 / 0171 1234567", "<phone> / <phone>"),
        ("Morris, Illinois 60450 - (815) 942-3221", "Morris, Illinois 60450 - <phone>"),
        ("1-888-655-8787 (1-888-OK-LUPUS)", "<phone> (1-888-OK-LUPUS)"),
    ],
)
def test_telephone_numbers_beside_other_things(text, edited):
    assert masked(text) == edited


@pytest.mark.parametrize(
    "text",
    [
        "on 2021-10-12 and 12.10.2021, 12/10/2021",
        "ISBN 978-0-306-40615-7 or 0-306-40615-2",
        "between 1914-1918 and 2020 2021 2022",
        "1,234,567.89 and 12 345 678 people",
        "v1.2.3.4.5 and 10.1000/182",
        "550e8400-e29b-41d4-a716-446655440000",
        "arXiv:2309.04564, PMID 12345678",
        "0.123456789 or -0.123456",
        "call me in 2019-2020",
        "Phone released 2021-10-12",
        "$1 000 000 and 50 000 000",
        "1 2 3 4 5 6 7 8 9 10",
        "item/4539148803436467 and #4539148803436467",
        "4539148803436468 is no card",
        "25 26 27 28 29 30 31 and 28 29 30 31",
        "from 0900-0130 to 0800 1730 hours",
        "38(7), 995-1018; 80000-24000; 122-20-24",
        "04109 04103, 60601 60602",
        "800 123 456 and 512 345 678",
    ],
)
def test_numbers_of_other_kinds_stay(text):
    assert masked(text) == text


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        (f"card {CARD}.", "card <card>."),
        ("card 4539 1488 0343 6467", "card <card>"),
        (f"card:{CARD}, pan={CARD}", "card:<card>, pan=<card>"),
        ("card 3782-822463-10005", "card <card>"),
        (f"{CARD}1 x{CARD} {CARD}.5", f"{CARD}1 x{CARD} {CARD}.5"),
        (f"IBAN {IBAN}, BIC", "IBAN <iban>, BIC"),
        ("DE89 3704 0044 0532 0130 00 BIC COBADEFF", "<iban> BIC COBADEFF"),
        ("GB29 NWBK 6016 1331 9268 19", "<iban>"),
        ("DE88370400440532013000 stays", "DE88370400440532013000 stays"),
        (f"X{IBAN} {IBAN}9 stay", f"X{IBAN} {IBAN}9 stay"),
        ("key AKIAIOSFODNN7EXAMPLE end", "key <secret> end"),
        ("ghp_" + "a1B2" * 9, "<secret>"),
        ("postgres://bob:hunter22@db.host/x", "postgres://bob:<secret>@db.host/x"),
        ("password = 'correct7horse9battery'", "password = '<secret>'"),
        ('"api_key": "9f8e7d6c5b4a39281706"', '"api_key": "<secret>"'),
        ("password = 'correct horse battery'", "password = 'correct horse battery'"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEow\n" * 9 + "-----END RSA PRIVATE KEY-----",
            "<secret>",
        ),
        ("sk-this-is-a-long-class-name-of-some-widget", "sk-this-is-a-long-class-name-of-some-widget"),
    ],
)
def test_cards_accounts_and_secrets(text, edited):
    assert masked(text) == edited


def test_what_is_found_is_counted_and_what_was_put_there_is_not():
    once = mask_pii(f"a@b.org, c@d.org, 8.8.8.8, {IBAN}", kinds=ALL)
    assert once == Masked(f"{E}, {E}, {I}, <iban>", {"email": 2, "ip": 1, "iban": 1})
    assert mask_pii(once.text, kinds=ALL) == Masked(once.text, {})


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        (f"2000::{IBAN}", f"{I}<iban>"),
        (f"a@b.gж{IBAN}", f"{E}<iban>"),
        ("(212)555-0187-l@e.oe", f"<phone>-{E}"),
        ("212-555-0187:1@e.mж", f"<phone>:{E}"),
        ("e.://a:a@b.rg", "e.://a:<secret>@example.com"),
        ("phone 2000::.1", "phone <phone>"),
    ],
)
def test_what_a_neighbour_hid_is_masked_too(text, edited):
    assert masked(text) == edited
    assert mask_pii(edited, kinds=ALL) == Masked(edited, {})


def test_placeholders_that_make_one_another_up_end():
    masked = mask_pii("a@b.org", kinds=("email", "phone"), email="+49 30 901820", phone="c@d.org")
    assert masked.text in ("+49 30 901820", "c@d.org")


def test_only_the_kinds_asked_for():
    assert mask_pii(f"a@b.org {IBAN}", kinds=("iban",)) == Masked("a@b.org <iban>", {"iban": 1})


def test_private_addresses_on_request():
    text = "10.1.2.3 172.31.0.9 192.168.1.20 169.254.7.7 100.64.3.2 fe80::1 fd12:3456:789a::1"
    assert mask_pii(text, kinds=ALL).text == text
    assert mask_pii(text, kinds=("private_ip",)) == Masked(" ".join(["10.0.0.1"] * 7), {"private_ip": 7})
    stays = "127.0.0.1 0.0.0.0 255.255.255.0 172.32.0.1 8.8.8.8 version 10.1.2.3 192.0.2.1 ::1"
    assert mask_pii(stays, kinds=("private_ip",)).text == stays
    both = mask_pii("10.1.2.3 8.8.8.8", kinds=("ip", "private_ip"))
    assert both.text == f"10.0.0.1 {I}"


@pytest.mark.parametrize("digits", DIGITS)
def test_digits_of_every_script(digits):
    def put(text):
        return text.translate(str.maketrans("0123456789", digits))

    assert masked(f"at {put('+49 30 901820')}, or") == "at <phone>, or"
    assert (
        masked(f"a {put('(212) 555-0187')} and {put(CARD)}, {put('8.8.8.8')}.")
        == f"a <phone> and <card>, {I}."
    )
    assert masked(f"it has {put('9876 5432')}") == f"it has {put('9876 5432')}"
    text = f"é {put('1999')} call {put('9876 5432')} now"
    (found,) = spans(text, ALL)
    assert text[found[0] : found[1]] == put("9876 5432")


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("هاتف: ٠٥٠١٢٣٤٥٦٧", "هاتف: <phone>"),
        ("الهاتف: 0501234567", "الهاتف: <phone>"),
        ("تلفن: ۰۲۱۸۸۷۷۶۶۵۵", "تلفن: <phone>"),
        ("फ़ोन: ९८७६५४३२१०", "फ़ोन: <phone>"),
        ("電話０３－１２３４－５６７８まで", "電話<phone>まで"),
        ("＋８１　３　１２３４　５６７８", "<phone>"),
        (f"卡号{CARD}。电话13800138000，", "卡号<card>。电话<phone>，"),
        ("共13800138000元", "共13800138000元"),
        ("在２０２４－０１－１５", "在２０２４－０１－１５"),
        ("Serial number: 212-555-0187", "Serial number: 212-555-0187"),
        ("Order no. 020 7946 0018 and 020 7946 0018", "Order no. 020 7946 0018 and <phone>"),
    ],
)
def test_telephones_in_the_languages_of_those_digits(text, edited):
    assert masked(text) == edited


def test_placeholders_are_the_recipes():
    assert mask_pii("a@b.org 8.8.8.8", email="|||EMAIL|||", ip=r"\1").text == r"|||EMAIL||| \1"


def test_masking_is_an_edit_with_options():
    assert EDITS["mask_pii"] is mask_pii
