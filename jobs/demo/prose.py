"""Prose that every machine with the project's pins carries, as HTML bodies.

Docstrings are read from source files with `ast`; nothing is imported. Read Me files and licences come
from the metadata of the installed packages. Nothing here is stored in the repository.
"""

from __future__ import annotations

import ast
import html
import importlib.metadata
import importlib.util
import re
import sysconfig
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

#: Packages whose docstrings become pages of the documentation source; those not installed are skipped.
PACKAGES = ("numpy", "pandas", "torch", "networkx", "fsspec", "jinja2", "rich", "docutils", "datasketch")
#: A page ends after the first docstring that takes it past this, so that no page dwarfs the others.
PAGE_CHARACTERS = 5_000
#: Pages of one package's Read Me file, so that a change log at its end does not fill the index.
PARTS_EACH = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Prose:
    """One page's content before a site template is put around it."""

    name: str
    site: str
    title: str
    body: str = field(repr=False)


def plain_to_html(text: str) -> str:
    """HTML of plain text as people write it in docstrings: headings, lists, code and paragraphs."""
    return "\n".join(_block(block) for block in re.split(r"\n[ \t]*\n", text) if block.strip())


def _block(block: str) -> str:
    lines = block.strip("\n").splitlines()
    first = lines[0].strip()
    if len(lines) > 1 and re.fullmatch(r"\s*([-=~*^])\1{2,}\s*", lines[1]):
        rest = "\n".join(lines[2:])
        return f"<h3>{html.escape(first)}</h3>\n{_block(rest) if rest.strip() else ''}"
    if first.startswith((">>>", "$ ", "% ", "#include")) or all(x.startswith("    ") for x in lines):
        return f"<pre><code>{html.escape(textwrap.dedent(block).strip())}</code></pre>"
    if re.match(r"([-*•]|\d+[.)])\s", first):
        items = re.split(r"(?m)^\s*(?:[-*•]|\d+[.)])\s+", block)[1:]
        return "<ul>" + "".join(f"<li>{_inline(x)}</li>" for x in items) + "</ul>"
    return f"<p>{_inline(block)}</p>"


def _inline(text: str) -> str:
    joined = html.escape(" ".join(text.split()))
    return re.sub(r"``?([^`]+)``?", r"<code>\1</code>", joined)


def _docstrings(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """(kind, signature, docstring) of a module's classes and functions in the order of the source."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
            names = [] if isinstance(node, ast.ClassDef) else [x.arg for x in node.args.args]
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            yield kind, f"{node.name}({', '.join(names)})", text


def _module_pages(path: Path, module: str, site: str) -> Iterator[Prose]:
    """The documentation of one source file, one page per ~PAGE_CHARACTERS of docstrings."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return  # a template or a file for another Python: it has no documentation to offer
    head = ast.get_docstring(tree) or ""
    parts, size, number = [plain_to_html(head)], len(head), 1
    for kind, signature, text in _docstrings(tree):
        parts.append(f"<h2><em>{kind}</em> <code>{html.escape(signature)}</code></h2>{plain_to_html(text)}")
        size += len(text)
        if size >= PAGE_CHARACTERS:
            yield _page(module, number, site, parts)
            parts, size, number = [], 0, number + 1
    if size > 300:
        yield _page(module, number, site, parts)


def _page(module: str, number: int, site: str, parts: list[str]) -> Prose:
    name = module if number == 1 else f"{module}-{number}"
    title = module if number == 1 else f"{module}, part {number}"
    return Prose(name=name, site=site, title=title, body="\n".join(parts))


def library_pages(limit: int) -> list[Prose]:
    """At most `limit` pages of the standard library's docstrings, smaller modules first by path."""
    root = Path(sysconfig.get_paths()["stdlib"])
    skipped = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "turtledemo"}
    paths = (p for p in root.rglob("*.py") if not skipped & set(p.relative_to(root).parts))
    return _pages_below(root, sorted(paths), "python.docs.example", limit)


def package_pages(limit_each: int) -> list[Prose]:
    """At most `limit_each` pages of docstrings of every package in PACKAGES that is installed."""
    pages: list[Prose] = []
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        folder = Path(spec.origin).parent
        names = ((p, p.relative_to(folder.parent).as_posix()) for p in folder.rglob("*.py"))
        paths = (p for p, name in names if "test" not in name.replace("pytest", ""))
        pages += _pages_below(folder.parent, sorted(paths), f"{name}.docs.example", limit_each)
    return pages


def _pages_below(root: Path, paths: list[Path], site: str, limit: int) -> list[Prose]:
    pages: list[Prose] = []
    for path in paths:
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        pages += _module_pages(path, module, site)
        if len(pages) >= limit:
            break
    return pages[:limit]


def topic_pages() -> list[Prose]:
    """The chapters of the language reference that `help()` prints, where this Python carries them."""
    spec = importlib.util.find_spec("pydoc_data.topics")
    if spec is None or spec.origin is None:
        return []
    tree = ast.parse(Path(spec.origin).read_bytes())
    found = next((n.value for n in tree.body if isinstance(n, ast.Assign | ast.AnnAssign)), None)
    topics = ast.literal_eval(found) if found is not None else {}
    return [
        Prose(
            name=f"{topic}-{number}" if number > 1 else topic,
            site="reference.docs.example",
            title=topic.replace("-", " ").capitalize(),
            body=plain_to_html(part),
        )
        for topic, text in sorted(topics.items())
        for number, part in enumerate(_parts(text), start=1)
    ]


def _parts(text: str) -> list[str]:
    """`text` cut at blank lines into pieces of about PAGE_CHARACTERS."""
    pieces: list[list[str]] = [[]]
    size = 0
    for block in text.split("\n\n"):
        if size >= PAGE_CHARACTERS:
            pieces, size = [*pieces, []], 0
        pieces[-1].append(block)
        size += len(block)
    return ["\n\n".join(piece) for piece in pieces]


def _distributions() -> list[importlib.metadata.Distribution]:
    """Installed packages by name; those installed from a folder (this project) are left out."""
    found = {
        d.metadata["Name"].lower(): d
        for d in importlib.metadata.distributions()
        if d.metadata["Name"] and d.read_text("direct_url.json") is None
    }
    return [found[name] for name in sorted(found)]


def readme_pages(limit: int) -> list[Prose]:
    """Long descriptions of installed packages, rendered as a package index renders them."""
    pages: list[Prose] = []
    for dist in _distributions():
        payload = dist.metadata.get_payload()
        text = (payload if isinstance(payload, str) else "") or dist.metadata["Description"] or ""
        if len(text) < 400:
            continue
        name, kind = dist.metadata["Name"], dist.metadata["Description-Content-Type"] or ""
        for number, part in enumerate(_parts(text)[:PARTS_EACH], start=1):
            path, title = f"project/{name}", f"{name} {dist.version}"
            if number > 1:
                path, title = f"{path}/{number}", f"{title}, part {number}"
            body = render(part, kind)
            pages.append(Prose(name=path, site="index.packages.example", title=title, body=body))
    return pages[:limit]


def render(text: str, content_type: str) -> str:
    """HTML of a long description in Markdown, reStructuredText (also the default) or plain text."""
    if "markdown" in content_type:
        from markdown_it import MarkdownIt

        return str(MarkdownIt("commonmark").enable("table").render(text))
    if "plain" in content_type:
        return plain_to_html(text)
    from docutils.core import publish_parts

    settings: dict[str, object] = {"file_insertion_enabled": False, "raw_enabled": False}
    settings |= {"report_level": 5, "halt_level": 6, "_disable_config": True}
    settings |= {"syntax_highlight": "none", "embed_stylesheet": False}
    return str(publish_parts(text, writer="html5", settings_overrides=settings)["html_body"])


def licence_pages(limit: int) -> list[Prose]:
    """Licence texts of installed packages: real texts that are often copies of one another."""
    pages: list[Prose] = []
    for dist in _distributions():
        files = [f for f in dist.files or () if re.match(r"(?i)(licen[cs]e|copying)", f.name)]
        for file in sorted(files, key=str)[:1]:
            path = Path(str(dist.locate_file(file)))
            if not path.is_file() or file.suffix == ".py":
                continue
            text = path.read_text(encoding="utf-8", errors="replace")[:PAGE_CHARACTERS]
            name = dist.metadata["Name"]
            title, body = f"Licence of {name}", plain_to_html(text)
            pages.append(Prose(name=f"licences/{name}", site="licences.example", title=title, body=body))
    return pages[:limit]
