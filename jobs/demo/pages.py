"""Write the demo's input: a small crawl made on this machine, as two WARC files of real HTML.

    python jobs/demo/pages.py --out build/demo/input

`docs.warc.gz` holds documentation pages: docstrings of the standard library and of pinned packages, and
the language reference that `help()` prints. `web.warc.gz` holds everything else a crawl brings home:
Read Me files and licences of installed packages, hand-written articles, other languages, spam,
near-copies, exact copies and damage. No page is stored in the repository and none comes from a network.
The same machine writes the same bytes every time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import handmade
import jinja2
import prose
from handmade import number_of
from markupsafe import Markup
from prose import Prose
from web_archive import Capture, archive, revisit

LIBRARY_PAGES, PACKAGE_PAGES_EACH, README_PAGES, LICENCE_PAGES = 420, 24, 400, 40
TEMPLATES = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)


def html_page(page: Prose, template: str, *, language: str = "en", charset: str = "utf-8") -> str:
    """The whole HTML of a page: its body inside a site's navigation, banners and footers."""
    topics = ("guide", "tutorial", "releases", "questions", "community", "archive", "search", "support")
    links = [topics[number_of(page.name, n, below=len(topics))] for n in range(6)]
    return TEMPLATES.get_template(f"{template}.html").render(
        title=page.title,
        site=page.site,
        body=Markup(page.body),
        language=language,
        charset=charset,
        links=sorted(set(links)),
        date=f"2024-{number_of(page.name, 'month', below=12) + 1:02}-15",
    )


def capture(page: Prose, template: str) -> Capture:
    """A page as served by its site; some servers compress, some send chunks."""
    encoding = ("", "", "", "gzip", "chunked")[number_of(page.name, "encoding", below=5)]
    body = html_page(page, template).encode("utf-8", "replace")
    return Capture(url=f"https://{page.site}/{page.name}", body=body, encoding=encoding)


def docs_captures() -> list[Capture]:
    """The documentation source."""
    pages = prose.library_pages(LIBRARY_PAGES) + prose.topic_pages()
    pages += prose.package_pages(PACKAGE_PAGES_EACH)
    return [capture(page, "docs") for page in pages]


def web_captures() -> list[Capture]:
    """The web source without its damage."""
    articles, readmes = handmade.article_pages(), prose.readme_pages(README_PAGES)
    plain = [capture(page, "portal") for page in readmes + prose.licence_pages(LICENCE_PAGES)]
    plain += [capture(page, "blog") for page in articles + handmade.spam_pages()]
    copies = [capture(page, "portal") for page in near_copies(articles, readmes)]
    exact = [
        Capture(url=c.url.replace("https://", "https://mirror."), body=c.body)
        for c in plain
        if number_of(c.url, "mirror", below=12) == 0
    ]
    return plain + copies + exact + foreign_captures()


def near_copies(articles: list[Prose], readmes: list[Prose]) -> list[Prose]:
    """Articles and Read Me files again, on other sites, with from 1 to 12 sentences changed."""
    chosen = [p for p in articles + readmes if number_of(p.name, "copied", below=4) == 0]
    return [
        Prose(
            name=f"copied/{page.name}",
            site=f"copies{number_of(page.name, 'site', below=5)}.example",
            title=page.title,
            body=handmade.edited(page.body, 1 + number_of(page.name, "edits", below=12)),
        )
        for page in chosen
    ]


def foreign_captures() -> list[Capture]:
    """Pages in other languages; the third page of some is in a legacy charset, declared or not."""
    legacy = {
        "ru": "windows-1251",
        "ja": "shift_jis",
        "el": "iso-8859-7",
        "fr": "latin-1",
        "pl": "iso-8859-2",
    }
    captures = []
    for language, page in handmade.language_pages():
        url = f"https://{page.site}/{page.name}"
        charset = legacy.get(language, "utf-8") if page.name.endswith("/2") else "utf-8"
        declared = "utf-8" if language == "pl" else charset  # the Polish server is wrong
        body = html_page(page, "blog", language=language, charset=declared)
        captures.append(
            Capture(url=url, body=body.encode(charset, "xmlcharrefreplace"), content_type="text/html")
        )
    return captures


def broken_captures() -> list[Capture]:
    """Captures that must not become documents, each for its own reason, and some that still must."""
    article = handmade.article_pages()[0]
    whole = html_page(article, "blog").encode()
    deep = "<div>" * 3000 + f"<p>{article.body}</p>" + "</div>" * 3000
    site = "https://broken.example"
    return [
        Capture(url=f"{site}/gone", body=whole, status=404),
        Capture(url=f"{site}/forbidden", body=b"<h1>Forbidden</h1>", status=403),
        Capture(url=f"{site}/busy", body=b"", status=503),
        Capture(url=f"{site}/moved", body=b"", status=301),
        Capture(url=f"{site}/empty", body=b""),
        Capture(url=f"{site}/blank", body=b"   \n\n  "),
        Capture(
            url=f"{site}/picture.png",
            body=b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8,
            content_type="image/png",
        ),
        Capture(url=f"{site}/picture.html", body=b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8),
        Capture(
            url=f"{site}/paper.pdf",
            body=b"%PDF-1.7\n" + bytes(range(256)) * 8,
            content_type="application/pdf",
        ),
        Capture(url=f"{site}/data.json", body=b'{"pages": [1, 2, 3]}', content_type="application/json"),
        Capture(url=f"{site}/untyped", body=whole.replace(b"Notes", b"Untyped notes"), content_type=""),
        Capture(url=f"{site}/nul", body=whole.replace(b" the ", b" the\x00 ")),
        Capture(url=f"{site}/deep", body=deep.encode()),
        Capture(url=f"{site}/script", body=b"<html><script>" + b"var a = 1;\n" * 200 + b"</script></html>"),
        Capture(url=f"{site}/cut", body=whole[: len(whole) // 2]),
    ]


def web_members() -> list[bytes]:
    """The members of the web file: whole captures, then damaged ones in their midst."""
    captures = sorted(web_captures() + broken_captures(), key=lambda c: c.url)
    members = archive(captures, "web.warc.gz")
    members.append(revisit(captures[0].url, len(captures)))
    responses = range(40, len(members) - 1, 2)  # warcinfo, then requests at odd and responses at even places
    for at in sorted(responses, key=lambda at: number_of("damage", at, below=1 << 40))[:3]:
        members[at] = members[at][: len(members[at]) * 2 // 3]  # a disk that was full
    bitten = bytearray(members[30])
    bitten[len(bitten) // 2] ^= 0xFF  # a byte that was not read back as written
    members[30] = bytes(bitten)
    return members


def write(folder: Path) -> dict[str, int]:
    """Write both files into `folder`; returns the number of captures in each."""
    folder.mkdir(parents=True, exist_ok=True)
    docs = archive(sorted(docs_captures(), key=lambda c: c.url), "docs.warc.gz")
    counts = {}
    for name, members in (("docs", docs), ("web", web_members())):
        file, data = folder / f"{name}.warc.gz", b"".join(members)
        if not file.exists() or file.read_bytes() != data:  # a file written anew counts as changed
            file.write_bytes(data)
        counts[name] = len(members) // 2
    return counts


def main() -> None:
    """Write the files and say how many captures each holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/demo/input"))
    folder = parser.parse_args().out
    for name, count in write(folder).items():
        print(f"{folder / name}.warc.gz: {count} captures")


if __name__ == "__main__":
    main()
