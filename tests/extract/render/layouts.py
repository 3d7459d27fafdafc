"""Listings as pages write them: (name, HTML, language) of one listing in some fifty layouts."""

from __future__ import annotations

from html import escape

LISTING = (
    "def area(width, height=2):\n"
    '    """Sides in *cm*, `all` of them."""\n'
    "\n"
    "    if width < 0 and height > 0:\n"
    '        return [width & 1, "a|b", {1: "x_y_z"}]\n'
    "\n"
    "    return width * height  # the $area of it"
)
LINES = LISTING.split("\n")
_HTML = [escape(line, quote=False) for line in LINES]
_NUMBERS = range(1, len(LINES) + 1)
TEXT = "\n".join(_HTML)


def _spans(line: str) -> str:
    """Return a line as highlighters write it: a span for each word."""
    return "".join(f'<span class="k">{part}</span>' if part.isalpha() else part for part in line.split("\0"))


SPANS = TEXT.replace("def", '<span class="k">def</span>').replace("if ", '<span class="k">if</span> ')
SPANS = SPANS.replace("return", '<span class="k">return</span>').replace(
    "2", '<span class="mi number">2</span>'
)
SPAN_LINES = SPANS.split("\n")
NUMBERS = "\n".join(map(str, _NUMBERS))
BROKEN = "<br>".join(line.replace("    ", "&nbsp;&nbsp;&nbsp; ") for line in _HTML)
ROWS = "".join(
    f'<tr><td class="blob-num js-line-number" data-line-number="{n}"></td>'
    f'<td class="blob-code blob-code-inner js-file-line">{line}</td></tr>'
    for n, line in zip(_NUMBERS, SPAN_LINES, strict=True)
)


def each(start: str, end: str, lines: list[str] = SPAN_LINES, between: str = "") -> str:
    """Return every line between two tags."""
    return between.join(f"{start}{line}{end}" for line in lines)


LAYOUTS: list[tuple[str, str, str]] = [
    ("pre", f"<pre>{TEXT}</pre>", ""),
    ("pre that begins with a line feed", f"<pre>\n{TEXT}\n</pre>", ""),
    ("pre code", f'<pre><code class="language-python">{TEXT}\n</code></pre>', "python"),
    ("pre of spans", f'<pre class="brush: python">{SPANS}</pre>', "python"),
    ("pre with br", f"<pre>{'<br>'.join(_HTML)}</pre>", ""),
    ("pre with br and line feeds in spans", f"<pre><code>{each('<span class=line>', '</span><br>')}</code></pre>", ""),
    ("pre of divs", f"<pre>{each('<div class=line>', '</div>')}</pre>", ""),
    ("highlight.js", f'<pre><code class="hljs language-python">{SPANS}</code></pre>', "python"),
    ("highlight.js, the class alone", f'<pre><code class="hljs python">{SPANS}</code></pre>', "python"),
    (
        "highlightjs-line-numbers",
        '<pre><code class="hljs python"><table class="hljs-ln"><tbody>'
        + "".join(
            f'<tr><td class="hljs-ln-line hljs-ln-numbers" data-line-number="{n}"><div class="hljs-ln-n" data-line-number="{n}">'
            f'</div></td><td class="hljs-ln-line hljs-ln-code" data-line-number="{n}">{line}</td></tr>'
            for n, line in zip(_NUMBERS, SPAN_LINES, strict=True)
        )
        + "</tbody></table></code></pre>",
        "python",
    ),
    (
        "Prism with numbers",
        f'<pre class="line-numbers language-python"><code class="language-python">{SPANS}'
        f'<span aria-hidden="true" class="line-numbers-rows">{"<span></span>" * len(LINES)}</span></code></pre>',
        "python",
    ),
    (
        "Prism toolbar",
        f'<div class="code-toolbar"><pre class="language-python"><code class="language-python">{SPANS}</code></pre><div class="toolbar">'
        '<div class="toolbar-item"><button>Copy</button></div></div></div>',
        "python",
    ),
    ("Sphinx", f'<div class="highlight-python3 notranslate"><div class="highlight"><pre><span></span>{SPANS}\n</pre></div></div>', "python"),
    (
        "Pygments table",
        f'<div class="highlight"><table class="highlighttable"><tr><td class="linenos"><div class="linenodiv"><pre>{NUMBERS}</pre></div></td>'
        f'<td class="code"><div class="highlight"><pre><span></span>{SPANS}\n</pre></div></td></tr></table></div>',
        "",
    ),
    (
        "Pygments inline numbers",
        '<div class="highlight"><pre>'
        + "\n".join(f'<span class="linenos">{n} </span>{line}' for n, line in zip(_NUMBERS, SPAN_LINES, strict=True))
        + "</pre></div>",
        "",
    ),
    (
        "Rouge table",
        f'<div class="language-python highlighter-rouge"><div class="highlight"><pre class="highlight"><code><table class="rouge-table"><tbody>'
        f'<tr><td class="rouge-gutter gl"><pre class="lineno">{NUMBERS}\n</pre></td><td class="rouge-code"><pre>{SPANS}\n</pre></td></tr>'
        "</tbody></table></code></pre></div></div>",
        "python",
    ),
    ("Jekyll", f'<figure class="highlight"><pre><code class="language-python" data-lang="python">{SPANS}</code></pre></figure>', "python"),
    (
        "Hexo",
        f'<figure class="highlight python"><table><tr><td class="gutter"><pre>{each("<span class=line>", "</span><br>", [str(n) for n in _NUMBERS])}</pre>'
        f'</td><td class="code"><pre>{each("<span class=line>", "</span><br>")}</pre></td></tr></table></figure>',
        "python",
    ),
    (
        "Chroma table",
        '<div class="highlight"><div class="chroma"><table class="lntable"><tr><td class="lntd"><pre class="chroma"><code>'
        + "".join(f'<span class="lnt">{n}\n</span>' for n in _NUMBERS)
        + '</code></pre></td><td class="lntd"><pre class="chroma"><code class="language-python" data-lang="python">'
        + "".join(f'<span class="line"><span class="cl">{line}\n</span></span>' for line in SPAN_LINES)
        + "</code></pre></td></tr></table></div></div>",
        "python",
    ),
    (
        "Chroma inline numbers",
        '<div class="highlight"><pre class="chroma"><code class="language-python">'
        + "".join(
            f'<span class="line"><span class="ln">{n}</span><span class="cl">{line}\n</span></span>'
            for n, line in zip(_NUMBERS, SPAN_LINES, strict=True)
        )
        + "</code></pre></div>",
        "python",
    ),
    ("GitHub rows", f'<table class="highlight tab-size js-file-line-container"><tbody>{ROWS}</tbody></table>', ""),
    ("GitHub gist", f'<div class="gist"><div class="blob-wrapper data type-python"><table class="highlight">{ROWS}</table></div></div>', ""),
    ("GitHub README", f'<div class="highlight highlight-source-python"><pre>{SPANS}</pre></div>', "python"),
    ("GitLab", f'<pre class="code highlight js-syntax-highlight language-python" lang="python"><code>{each("<span class=line lang=python>", "</span>", between=chr(10))}</code></pre>', "python"),
    ("Bitbucket", f'<div class="codehilite language-python"><pre><span></span>{SPANS}</pre></div>', "python"),
    (
        "Crayon",
        '<div class="crayon-syntax"><div class="crayon-toolbar"><span class="crayon-title"></span><span class="crayon-language">Python</span></div>'
        f'<div class="crayon-plain-wrap"><textarea class="crayon-plain print-no">{TEXT}</textarea></div><div class="crayon-main"><table class="crayon-table">'
        f'<tr class="crayon-row"><td class="crayon-nums"><div class="crayon-nums-content">{each("<div class=crayon-num>", "</div>", [str(n) for n in _NUMBERS])}'
        '</div></td><td class="crayon-code"><div class="crayon-pre">'
        + "".join(f'<div class="crayon-line" id="x-{n}">{line or "&nbsp;"}</div>' for n, line in zip(_NUMBERS, SPAN_LINES, strict=True))
        + "</div></td></tr></table></div></div>",
        "",
    ),
    (
        "SyntaxHighlighter",
        '<div class="syntaxhighlighter python"><table border="0"><tbody><tr><td class="gutter">'
        + "".join(f'<div class="line number{n} index{n - 1} alt2">{n}</div>' for n in _NUMBERS)
        + '</td><td class="code"><div class="container">'
        + "".join(
            f'<div class="line number{n} alt1"><code class="python spaces">{"&nbsp;" * (len(line) - len(line.lstrip()))}</code>'
            f'<code class="python plain">{escape(line.lstrip(), quote=False)}</code></div>'
            if line
            else f'<div class="line number{n} alt1">&nbsp;</div>'
            for n, line in zip(_NUMBERS, LINES, strict=True)
        )
        + "</div></td></tr></tbody></table></div>",
        "python",
    ),
    ("SyntaxHighlighter script", f'<script type="syntaxhighlighter" class="brush: python"><![CDATA[\n{LISTING}\n]]></script>', "python"),
    ("SyntaxHighlighter before its script ran", f'<pre class="brush: python; title: ; notranslate" title="">{TEXT}</pre>', "python"),
    ("EnlighterJS", f'<pre class="EnlighterJSRAW" data-enlighter-language="python">{TEXT}</pre>', "python"),
    ("EnlighterJS drawn", f'<div class="enlighter-default"><div class="enlighter">{each("<div><span>", "</span></div>")}</div></div>', ""),
    ("Prismatic", f'<pre><code class="language-python line-numbers" data-line="">{TEXT}</code></pre>', "python"),
    (
        "GeSHi",
        f'<div class="wp_syntax"><table><tr><td class="line_numbers"><pre>{NUMBERS}</pre></td><td class="code"><pre class="python">{SPANS}</pre></td></tr></table></div>',
        "python",
    ),
    ("GeSHi list", f'<div class="python geshi"><ol>{each("<li class=li1><div class=de1>", "</div></li>", [line or "&nbsp;" for line in SPAN_LINES])}</ol></div>', "python"),
    ("MediaWiki", f'<div class="mw-highlight mw-highlight-lang-python mw-content-ltr" dir="ltr"><pre><span></span>{SPANS}\n</pre></div>', "python"),
    ("prettify with a list", f'<pre class="prettyprint lang-python linenums"><ol class="linenums">{each("<li class=L0><span class=pln>", "</span></li>")}</ol></pre>', "python"),
    ("pandoc", '<div class="sourceCode" id="cb1"><pre class="sourceCode python"><code class="sourceCode python">'
        + "\n".join(f'<span id="cb1-{n}"><a href="#cb1-{n}" aria-hidden="true"></a>{line}</span>' for n, line in zip(_NUMBERS, SPAN_LINES, strict=True))
        + "</code></pre></div>", "python"),
    (
        "Docusaurus",
        '<div class="language-python codeBlockContainer_Ckt0 theme-code-block"><div class="codeBlockContent_biex"><pre class="prism-code language-python">'
        f'<code class="codeBlockLines_e6Vv">{each("<span class=token-line style=color:#000><span class=token>", "</span><br></span>")}</code></pre>'
        '<div class="buttonGroup__atx"><button type="button">Copy</button></div></div></div>',
        "python",
    ),
    ("Shiki", f'<pre class="shiki github-dark" tabindex="0"><code>{each("<span class=line><span style=color:#fff>", "</span></span>", between=chr(10))}</code></pre>', ""),
    ("rehype-pretty-code", f'<figure data-rehype-pretty-code-figure=""><pre data-language="python"><code data-language="python" style="display:grid">{each("<span data-line>", "</span>", between=chr(10))}</code></pre></figure>', "python"),
    ("Gatsby", f'<div class="gatsby-highlight" data-language="python"><pre class="language-python"><code>{SPANS}</code></pre></div>', "python"),
    ("Expressive Code", f'<div class="expressive-code"><figure class="frame"><pre data-language="python"><code>{each("<div class=ec-line><div class=code>", "</div></div>", [line or chr(10) for line in SPAN_LINES])}</code></pre></figure></div>', "python"),
    ("MkDocs", f'<div class="language-python highlight"><pre><span></span><code>{each("<span id=x><a id=y name=y></a>", chr(10) + "</span>")}</code></pre></div>', "python"),
    ("Asciidoctor", f'<div class="listingblock"><div class="content"><pre class="rouge highlight"><code data-lang="python">{SPANS}</code></pre></div></div>', "python"),
    ("DocBook", f'<pre class="programlisting python">{SPANS}</pre>', "python"),
    ("org-mode", f'<div class="org-src-container"><pre class="src src-python">{SPANS}</pre></div>', "python"),
    ("Stack Overflow", f'<pre class="lang-py s-code-block"><code class="hljs language-python">{SPANS}</code></pre>', "python"),
    ("Discourse", f'<pre data-code-wrap="python"><code class="lang-python">{TEXT}\n</code></pre>', "python"),
    ("phpBB", f'<dl class="codebox"><dt>Code:</dt><dd><code>{BROKEN}</code></dd></dl>', ""),
    ("phpBB 3.2", f'<div class="codebox"><p>Code: <a href="#">Select all</a></p><pre><code>{TEXT}</code></pre></div>', ""),
    ("vBulletin", f'<div class="bbcode_container"><div class="bbcode_description">Code:</div><pre class="bbcode_code" style="height:96px;">{TEXT}</pre></div>', ""),
    ("XenForo", f'<div class="bbCodeBlock bbCodeBlock--code"><div class="bbCodeBlock-title">Python:</div><div class="bbCodeBlock-content"><pre class="bbCodeCode" data-lang="python"><code>{TEXT}</code></pre></div></div>', "python"),
    ("code with br", f"<code>{BROKEN}</code>", ""),
    ("code with br in a paragraph", f"<p><code>{BROKEN}</code></p>", ""),
    ("tt with br", f"<p><tt>{BROKEN}</tt></p>", ""),
    ("a code for each line", "<p>" + "<br>".join(f"<code>{line.replace('    ', '&nbsp;&nbsp;&nbsp; ') or '&nbsp;'}</code>" for line in _HTML) + "</p>", ""),
    ("samp", f"<pre><samp>{TEXT}</samp></pre>", ""),
    ("kbd", f"<pre><kbd>{TEXT}</kbd></pre>", ""),
    ("xmp", f"<xmp>{LISTING}</xmp>", ""),
    ("white-space: pre", f'<div style="white-space: pre; color: red">{TEXT}</div>', ""),
    ("white-space: pre on code", f'<code style="white-space:pre">{TEXT}</code>', ""),
    ("monospace with br", f'<div style="font-family: Consolas, monospace">{BROKEN}</div>', ""),
    ("monospace span", f'<p><span style="font-family: Courier New, Courier, monospace">{BROKEN}</span></p>', ""),
    ("code class with br", f'<div class="code">{BROKEN}</div>', ""),
    ("CodeMirror", f'<div class="CodeMirror"><div class="CodeMirror-lines"><div class="CodeMirror-code">{each("<div style=position:relative><div class=CodeMirror-gutter-wrapper><div class=CodeMirror-linenumber>1</div></div><pre class=CodeMirror-line><span>", "</span></pre></div>", [line or chr(0x200B) for line in SPAN_LINES])}</div></div></div>', ""),
    ("Monaco", f'<div class="monaco-editor"><div class="view-lines">{each("<div class=view-line><span>", "</span></div>", [line.replace(" ", "&nbsp;") if "<" not in line else line for line in SPAN_LINES])}</div></div>', ""),
    ("Ace", f'<div class="ace_layer ace_text-layer">{each("<div class=ace_line>", "</div>")}</div>', ""),
    ("csharpcode", '<div class="csharpcode">' + "".join(f'<pre class="alt"><span class="lnum">{n:4}:  </span>{line}</pre>' for n, line in zip(_NUMBERS, SPAN_LINES, strict=True)) + "</div>", ""),
    ("LaTeXML", '<div class="ltx_listing ltx_lstlisting"><div class="ltx_listing_data"><a download="" href="data:text/plain;base64,xx">⬇</a></div>'
        + "".join(f'<div class="ltx_listingline"><span class="ltx_tag ltx_tag_listingline">{n}</span>{line.replace("    ", "&nbsp;&nbsp;&nbsp;&nbsp;")}</div>' for n, line in zip(_NUMBERS, SPAN_LINES, strict=True)) + "</div>", ""),
    ("notebook", f'<div class="cell code_cell"><div class="input"><div class="prompt input_prompt">In&nbsp;[1]:</div><div class="inner_cell"><div class="input_area"><div class="highlight hl-ipython3"><pre><span></span>{SPANS}\n</pre></div></div></div></div></div>', "python"),
    ("JupyterLab", f'<div class="jp-Cell jp-CodeCell"><div class="jp-InputPrompt jp-InputArea-prompt">In [1]:</div><div class="jp-CodeMirrorEditor"><div class="CodeMirror cm-s-jupyter"><div class="highlight hl-ipython3"><pre><span></span>{SPANS}</pre></div></div></div></div>', "python"),
    ("notebook output", f'<div class="output_area"><div class="prompt output_prompt">Out[1]:</div><div class="output_text output_subarea"><pre>{TEXT}</pre></div></div>', ""),
    ("textarea", f'<textarea class="code" rows="7" readonly>{TEXT}</textarea>', ""),
    ("in a list item", f"<ul><li>First do this, as the manual says:<pre><code>{TEXT}</code></pre></li><li>Then wait for what comes of it.</li></ul>", ""),
    ("in dd", f"<dl><dt>area(width)</dt><dd><p>Says how large it is.</p><pre>{TEXT}</pre></dd></dl>", ""),
    ("in a quotation", f"<blockquote><p>He wrote to the list:</p><pre>{TEXT}</pre></blockquote>", ""),
    ("in a cell", f"<table><tr><th>Name</th><th>Program</th></tr><tr><td>area</td><td><pre>{TEXT}</pre></td></tr><tr><td>none</td><td>nothing</td></tr></table>", ""),
    ("in a layout table", f"<table><tr><td><p>Here it is, in the only cell of a table.</p><pre>{TEXT}</pre></td></tr></table>", ""),
    ("in details", f"<details><summary>Show the program</summary><pre><code>{TEXT}</code></pre></details>", ""),
    ("Javadoc", f'<div class="block">An example of its use:<pre class="code"><code>{TEXT}</code></pre></div>', ""),
    ("Doxygen", f'<div class="fragment">{each("<div class=line>", "</div>", [line or "&#160;" for line in SPAN_LINES])}</div>', ""),
    ("Doxygen with numbers", '<div class="fragment">' + "".join(f'<div class="line"><span class="lineno">{n:5}</span>&#160;{line}</div>' for n, line in zip(_NUMBERS, SPAN_LINES, strict=True)) + "</div>", ""),
    ("Trac", f'<div class="wiki-code"><div class="code"><pre>{SPANS}</pre></div></div>', ""),
]  # fmt: skip
