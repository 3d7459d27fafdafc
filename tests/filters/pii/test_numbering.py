"""Four numbers that are a version, a section or an identifier stay; those that are an address go."""

from __future__ import annotations

import pytest

from curation.filters import Masked
from curation.filters.pii.mask import mask_pii

I = "192.0.2.1"  # noqa: E741


@pytest.mark.parametrize(
    "text",
    [
        "## zstd 1.5.7.2, part 4",
        "Default - 0. Since: 1.5.6.3\n  - (since 1.5.6.8)",
        "requires brotlicffi >= 1.2.1.0 and lz4>=1.7.4.2, foo ~= 11.2.202.235",
        "nvidia-cusparse-cu12==12.3.1.170",
        "e.g., ['7.1.4.34', 1806] The fileset bos.rte",
        "name-1.2.3.4, name-1.2.3.4.tar.gz, name_1.2.3.4, name:3.2.0.0",
        "| opencv-python | 4.11.0.86 |",
        "types-setuptools ==67.2.0.1; extra",
        "V8: upgrade to 11.8.172.15 (from 9.6.180.14)",
        "Flash before 11.2.202.235 on Linux",
        '__version__ = "3.178.0.7", <version>4.95.16.23</version>',
        "Mozilla/5.0 Chrome/4.0.149.0 Safari",
        "ObjectIdentifier('1.3.101.112')",
        "BIG-IP 15.1.8.2",
        "Sección, versión 4.95.16.23; версия 4.95.16.23; 版本 4.95.16.23",
    ],
)
def test_versions_of_four_numbers_stay(text):
    assert mask_pii(text).text == text


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("zstd 46.5.7.2 and MIPS (of the last forty or so) 1.5.7.2", f"zstd {I} and MIPS (of the last forty or so) 1.5.7.2"),
        ("IP: 5.10.15.20, clientIp=5.10.15.20", f"IP: {I}, clientIp={I}"),
        ("from 5.10.15.20 port 22, 5.10.15.20:80", f"from {I} port 22, {I}:80"),
        ("http://5.10.15.20/ ssh://me@5.10.15.20/", f"http://{I}/ ssh://me@{I}/"),
        ("Received: from x ([5.10.15.20])", f"Received: from x ([{I}])"),
        ('5.10.15.20 - - [12/Nov/2021] "GET /"', f'{I} - - [12/Nov/2021] "GET /"'),
        ("block 5.10.15.0/24, ::ffff:5.10.15.2", f"block {I}/24, ::ffff:{I}"),
        ('if request.host == "5.10.15.20"', f'if request.host == "{I}"'),
        ("last updated from 93.184.216.34", f"last updated from {I}"),
        ("ip.src==93.184.216.34", f"ip.src=={I}"),
    ],
)  # fmt: skip
def test_addresses_of_small_numbers_go_where_something_has_an_address(text, edited):
    assert mask_pii(text).text == edited
    assert mask_pii(edited) == Masked(edited, {})
