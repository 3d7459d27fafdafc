"""The language of a listing, where a class or attribute of the page names it."""

from __future__ import annotations

import re
from typing import Any

_ATTRIBUTES = (
    "data-lang",
    "data-language",
    "data-enlighter-language",
    "data-code-lang",
    "data-highlight-language",
)
#: Names in classes: `language-x`, `lang:x`, `brush: x`, GitHub's and Sphinx's `highlight-x`, MediaWiki's,
#: org's.
_NAMED = re.compile(
    r"(?:^|[\s{])(?:(?:mw-highlight-)?lang(?:uage)?[-_:]|brush\s*:\s*|highlight-(?:source|text)-|highlight-|hl-|src-"
    r"|brush-|code-|listing-|syntax-|snippet-|figure-)([A-Za-z0-9+#._-]{1,30})"
)
_NEXT = re.compile(
    r"(?:^|\s)(?:sourceCode|hljs|highlight|prettyprint|programlisting|src|geshi|codehilite|code|prism)\s+([A-Za-z0-9+#._-]{1,30})"
)
_BEFORE = re.compile(r"(?:^|\s)([A-Za-z0-9+#._-]{1,30})\s+(?:geshi|codehilite|hljs|highlight|code)(?=$|\s)")
_ALIASES = {
    "ipython3": "python", "ipython2": "python", "ipython": "python", "python3": "python", "py3": "python",
    "py": "python", "js": "javascript", "ts": "typescript", "c++": "cpp", "cs": "csharp", "c#": "csharp",
    "shell-session": "console", "html-basic": "html", "golang": "go", "rb": "ruby", "yml": "yaml", "sh": "sh",
    "emacs-lisp": "elisp", "jscript": "javascript", "objc": "objectivec",
}  # fmt: skip
_NONE = {
    "none", "text", "plain", "plaintext", "default", "nohighlight", "no-highlight", "notranslate", "auto",
    "txt",
    "raw", "block", "wrapper", "rouge", "highlight", "source", "generic", "undefined", "unknown", "code",
    "hljs",
    "container", "example", "inline", "pre", "content", "body", "line", "lines", "output", "toolbar", "area",
}  # fmt: skip
#: Languages by name: a word beside `highlight` or in `lang` says a language only if it is one.
_KNOWN = frozenset((
    "ada", "apache", "asm", "assembly", "awk", "bash", "basic", "batch", "bib", "bibtex", "c", "clojure",
    "cmake", "cobol", "coffeescript", "console", "cpp", "csharp", "css", "csv", "cuda", "cypher", "d",
    "dart", "delphi", "diff", "docker", "dockerfile", "elisp", "elixir", "elm", "erlang", "fish", "fortran",
    "fsharp", "gherkin", "glsl", "go", "gradle", "graphql", "groovy", "haskell", "hcl", "html", "http",
    "ini", "java", "javascript", "jinja", "json", "json5", "jsonc", "jsx", "julia", "kotlin", "latex",
    "less", "lisp", "lua", "makefile", "markdown", "mathematica", "matlab", "mermaid", "nginx", "nim",
    "nix", "objectivec", "ocaml", "octave", "pascal", "perl", "php", "postgresql", "powershell", "prolog",
    "properties", "protobuf", "proto", "puppet", "purescript", "pycon", "python", "qml", "r", "racket",
    "reason", "rest", "restructuredtext", "rst", "ruby", "rust", "sas", "sass", "scala", "scheme", "scss",
    "sed", "sh", "shell", "smalltalk", "solidity", "sparql", "sql", "stata", "svelte", "swift", "tcl",
    "terraform", "tex", "toml", "ts", "tsx", "turtle", "typescript", "vb", "vbnet", "verilog", "vhdl",
    "vim", "vue", "wasm", "xml", "xquery", "yaml", "zig", "zsh", "pgsql", "mysql", "plsql",
))  # fmt: skip
#: Languages whose names are words too.
_WORDS = frozenset({"basic", "batch", "d", "go", "less", "process", "properties", "reason", "rest", "scheme"})
_LEVELS, _NEAR_LEVELS = 7, 2


def language(element: Any) -> str:
    """Return the name of a listing's language in lower case, "" where nothing names it.

    What the element holds, itself and the elements around it are asked, the innermost first; those far around
    it, which may name the language that people speak, only for names of programming languages.
    """
    inner = [
        node for node in element.iterdescendants("code", "pre", "div", "td", "span", "table") if node.attrib
    ]
    for node in (*inner[3::-1], element):
        if name := _of_node(node):
            return name
    for level, node in enumerate(element.iterancestors()):
        if level == _LEVELS or node.tag in ("body", "article", "main", "html"):
            break
        name = _of_node(node)
        if name and (level < _NEAR_LEVELS or name in _KNOWN):
            return name
    return ""


def _of_node(node: Any) -> str:
    for attribute in _ATTRIBUTES:
        if name := _named(node.get(attribute) or ""):
            return name
    names = node.get("class") or ""
    if name := _of_class(names) or _known(node.get("lang") or ""):
        return name
    if node.tag in ("pre", "code"):
        return next((name for name in map(_known, names.split()) if name and name not in _WORDS), "")
    return ""


def _of_class(names: str) -> str:
    """Return the language that a class attribute names.

    >>> _of_class("highlight-source-c++ x"), _of_class("brush: js; gutter: false"), _of_class("code python")
    ('cpp', 'javascript', 'python')
    """
    for match in _NAMED.finditer(names):
        strict = match[0].strip(" {").startswith(("lang", "brush", "mw-", "highlight-source-"))
        if name := _named(match[1]) if strict else _known(match[1]):
            return name
    beside = (match[1] for pattern in (_NEXT, _BEFORE) for match in pattern.finditer(names))
    return next((name for name in map(_known, beside) if name), "")


def _named(name: str) -> str:
    name = name.strip().lower().rstrip(";,.")
    name = _ALIASES.get(name, name)
    return "" if name in _NONE or not re.fullmatch(r"[a-z0-9+#._-]{1,30}", name) else name


def _known(name: str) -> str:
    name = _named(name)
    return name if name in _KNOWN else ""
