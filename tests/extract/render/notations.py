"""Formulas as pages write them: (name, HTML, LaTeX, whether it stands alone)."""

from __future__ import annotations

from html import escape

TEX = r"E_{n}(x)=\frac{a^{2}}{\sqrt{b}}"
SMALL = r"x_{i}^{2}"
ALONE = r"\sum_{i=1}^{n}a_{i}=1"
_MROW = (
    "<mrow><msub><mi>E</mi><mi>n</mi></msub><mo>(</mo><mi>x</mi><mo>)</mo><mo>=</mo>"
    "<mfrac><msup><mi>a</mi><mn>2</mn></msup><msqrt><mi>b</mi></msqrt></mfrac></mrow>"
)
_XMLNS = 'xmlns="http://www.w3.org/1998/Math/MathML"'


def _math(tex: str | None = None, more: str = "") -> str:
    inner = _MROW
    if tex is not None:
        inner = f'<semantics>{_MROW}<annotation encoding="application/x-tex">{escape(tex)}</annotation></semantics>'
    return f"<math {_XMLNS}{more}>{inner}</math>"


def _inline(html: str) -> str:
    return f"<p>In the second year it was found that {html} holds for every station of the valley, and for all the rest.</p>"


_DRAWN = '<span class="base"><span class="strut"></span><span class="mord mathnormal">E</span><span class="msupsub">n</span></span>'
_KATEX = f'<span class="katex"><span class="katex-mathml">{_math(TEX)}</span><span class="katex-html" aria-hidden="true">{_DRAWN}</span></span>'
_MJX2 = '<span class="math" id="MathJax-Span-1"><span><span class="mi">E</span><span class="mo">n</span></span></span>'
_MJX3 = '<mjx-math class="MJX-TEX" aria-hidden="true"><mjx-mi class="mjx-i"><mjx-c class="mjx-c1D438 TEX-I"></mjx-c></mjx-mi></mjx-math>'
_ASSIST = f'<mjx-assistive-mml unselectable="on" display="inline">{_math()}</mjx-assistive-mml>'
_WIKI = (
    '<span class="mwe-math-element"><span class="mwe-math-mathml-inline mwe-math-mathml-a11y" style="display: none;">'
    + _math("{\\displaystyle " + TEX + "}", f' alttext="{escape("{") + chr(92)}displaystyle {TEX}}}"')
    + f'</span><img src="https://wikimedia.org/api/rest_v1/media/math/render/svg/1" class="mwe-math-fallback-image-inline" aria-hidden="true" alt="{{\\displaystyle {TEX}}}"></span>'
)

NOTATIONS: list[tuple[str, str, str, bool]] = [
    ("MathML with annotation", _inline(_math(TEX)), TEX, False),
    ("MathML with alttext", _inline(_math(None, f' alttext="{TEX}"')), TEX, False),
    ("MathML alone", _inline(_math()), TEX, False),
    ("MathML display", f'<p>So this must be:</p>{_math(None, chr(32) + "display=" + chr(34) + "block" + chr(34))}<p>That is all of it.</p>', TEX, True),
    ("KaTeX", _inline(_KATEX), TEX, False),
    ("KaTeX display", f'<p>So this must be: <span class="katex-display">{_KATEX}</span> as was said.</p>', TEX, True),
    ("KaTeX display between paragraphs", f'<div class="math"><span class="katex-display">{_KATEX}</span></div>', TEX, True),
    ("MathJax 2, not drawn", _inline(f'<script type="math/tex">{TEX}</script>'), TEX, False),
    ("AsciiMath", _inline('<script type="math/asciimath">sum_(i=1)^n a_i/2</script>'), r"\sum_{i=1}^{n}\frac{a_{i}}{2}", False),
    ("MathJax 2, display", f'<p>So this must be:</p><script type="math/tex; mode=display">{ALONE}</script><p>That is all.</p>', ALONE, True),
    ("MathJax 2, preview", _inline(f'<span class="MathJax_Preview">{TEX}</span><script type="math/tex">{TEX}</script>'), TEX, False),
    (
        "MathJax 2, drawn",
        _inline(
            f'<span class="MathJax_Preview" style="color: inherit;"></span><span class="MathJax" id="MathJax-Element-1-Frame" tabindex="0">{_MJX2}</span>'
            f'<script type="math/tex" id="MathJax-Element-1">{TEX}</script>'
        ),
        TEX,
        False,
    ),
    (
        "MathJax 2, drawn alone",
        f'<p>So this must be: <span class="MathJax_Preview"></span></p><div class="MathJax_Display" style="text-align: center;"><span class="MathJax">{_MJX2}</span></div>'
        f'<script type="math/tex; mode=display" id="MathJax-Element-2">{ALONE}</script><p>That is all of it.</p>',
        ALONE,
        True,
    ),
    (
        "MathJax 2, drawn, MathML in an attribute",
        _inline(f'<span class="MathJax" data-mathml="{escape(_math())}" role="presentation">{_MJX2}<span class="MJX_Assistive_MathML">{_math()}</span></span>'),
        TEX,
        False,
    ),
    ("MathJax 2, CHTML", _inline(f'<span class="mjx-chtml"><span class="mjx-math">{_MJX2}</span></span><script type="math/tex">{TEX}</script>'), TEX, False),
    ("MathJax 3", _inline(f'<mjx-container class="MathJax" jax="CHTML">{_MJX3}{_ASSIST}</mjx-container>'), TEX, False),
    ("MathJax 3, SVG", _inline(f'<mjx-container class="MathJax" jax="SVG"><svg><g data-mml-node="math"><path></path></g></svg>{_ASSIST}</mjx-container>'), TEX, False),
    ("MathJax 3, display", f'<p>So it is:</p><mjx-container class="MathJax" jax="CHTML" display="true">{_MJX3}{_ASSIST}</mjx-container><p>That is all.</p>', TEX, True),
    ("MathJax 4", _inline(f'<mjx-container class="MathJax" jax="CHTML"><mjx-math data-latex="{TEX}"><mjx-mi data-latex="E"></mjx-mi></mjx-math></mjx-container>'), TEX, False),
    ("Wikipedia", _inline(_WIKI), TEX, False),
    ("Wikipedia, display", f'<dl><dd>{_WIKI.replace("inline", "display").replace("mwe-math-element", "mwe-math-element mwe-math-element-block")}</dd></dl>', TEX, True),
    ("Wikipedia, picture alone", _inline(f'<img class="mwe-math-fallback-image-inline tex" alt="{TEX}" src="//upload.wikimedia.org/math/1.png">'), TEX, False),
    ("WordPress", _inline(f'<img src="https://s0.wp.com/latex.php?latex=x&bg=fff" alt="{TEX}" title="{TEX}" class="latex">'), TEX, False),
    ("WordPress, only the address", _inline('<img src="https://s0.wp.com/latex.php?latex=x_%7Bi%7D%5E%7B2%7D&bg=ffffff&fg=000" class="latex" alt="">'), SMALL, False),
    ("QuickLaTeX", _inline(f'<img src="https://quicklatex.com/cache3/1.svg" class="ql-img-inline-formula quicklatex-auto-format" alt="{TEX}" title="Rendered by QuickLaTeX.com">'), TEX, False),
    ("CodeCogs", _inline('<img src="https://latex.codecogs.com/gif.latex?x_{i}^{2}" alt="">'), SMALL, False),
    ("CodeCogs, encoded", _inline('<img src="https://latex.codecogs.com/svg.image?%5Cinline%20x_%7Bi%7D%5E%7B2%7D">'), SMALL, False),
    ("mimeTeX", _inline('<img src="/cgi-bin/mimetex.cgi?x_{i}^{2}" alt="formula">'), SMALL, False),
    ("Google charts", _inline('<img src="https://chart.googleapis.com/chart?cht=tx&chl=x_%7Bi%7D%5E%7B2%7D" alt="">'), SMALL, False),
    ("picture with dollars", _inline(f'<img class="inline" src="1.png" alt="${SMALL}$">'), SMALL, False),
    ("Art of Problem Solving", f'<p>So it is <img src="//latex.artofproblemsolving.com/1.png" class="latexcenter" alt="\\[{ALONE}\\]"> in the end.</p>', ALONE, True),
    ("Moodle", _inline(f'<img class="texrender" title="{TEX}" alt="{TEX}" src="https://m.example/filter/tex/pix.php/1.gif">'), TEX, False),
    ("Canvas", _inline(f'<img class="equation_image" title="x" alt="LaTeX: {SMALL}" data-equation-content="{SMALL}" src="/equation_images/x">'), SMALL, False),
    ("MathType", _inline(f'<img class="Wirisformula" alt="E sub n" data-mathml="{_math().replace("<", "«").replace(">", "»").replace(chr(34), "¨")}" src="x.png">'), TEX, False),
    ("delimiters", _inline(f"\\({TEX}\\)"), TEX, False),
    ("delimiters with a sign", _inline("\\(a_1 &lt; b_2\\)"), "a_1 < b_2", False),
    ("brackets", f"<p>So this must be: \\[{ALONE}\\] as was said.</p>", ALONE, True),
    ("brackets alone", f"<p>\\[ {ALONE} \\]</p>", ALONE, True),
    ("two dollars", f"<p>So this must be: $${ALONE}$$ as was said.</p>", ALONE, True),
    ("Stack Exchange", _inline(f'<span class="math-container">${TEX}$</span>'), TEX, False),
    ("Sphinx", _inline(f'<span class="math notranslate nohighlight">\\({TEX}\\)</span>'), TEX, False),
    ("Sphinx, display", f'<div class="math notranslate nohighlight">\n\\[{ALONE}\\]</div>', ALONE, True),
    ("pandoc", _inline(f'<span class="math inline">\\({TEX}\\)</span>'), TEX, False),
    ("MkDocs", _inline(f'<span class="arithmatex">\\({TEX}\\)</span>'), TEX, False),
    ("GitHub", _inline(f'<math-renderer class="js-inline-math" style="display: inline-block">${TEX}$</math-renderer>'), TEX, False),
    ("GitLab", _inline(f'<code data-math-style="inline" class="code math js-render-math">{TEX}</code>'), TEX, False),
    ("GitLab, display", f'<pre data-math-style="display" class="code math js-render-math"><code>{ALONE}</code></pre>', ALONE, True),
    ("Zhihu", _inline(f'<span class="ztext-math" data-eeimg="1" data-tex="{TEX}"></span>'), TEX, False),
    ("Quill", _inline(f'<span class="ql-formula" data-value="{TEX}">﻿<span contenteditable="false">{_KATEX}</span>﻿</span>'), TEX, False),
    ("CKEditor", _inline(f'<span class="math-tex">\\({TEX}\\)</span>'), TEX, False),
    ("Distill", _inline(f"<d-math>{TEX}</d-math>"), TEX, False),
    ("AMP", f'<amp-mathml layout="container" data-formula="\\[{ALONE}\\]"></amp-mathml>', ALONE, True),
    ("LaTeXML", _inline(_math(None, f' class="ltx_Math" alttext="{TEX}%&#10;"')), TEX, False),
    ("LaTeXML, display", f'<table class="ltx_equation ltx_eqn_table"><tbody><tr class="ltx_equation ltx_eqn_row"><td class="ltx_eqn_cell ltx_eqn_center_padleft"></td><td class="ltx_eqn_cell ltx_align_center">{_math(TEX, chr(32) + "display=" + chr(34) + "block" + chr(34) + " class=" + chr(34) + "ltx_Math" + chr(34))}</td><td class="ltx_eqn_cell">(1)</td></tr></tbody></table>', TEX, True),
    ("Codeforces", _inline(f"it is $$${TEX}$$$").replace("<p>", '<p class="tex2jax_process">', 1), TEX, False),
    ("environment", '<script src="https://cdn.jsdelivr.net/npm/mathjax@3/es5/tex-mml-chtml.js"></script><p>\\begin{align} a &amp;= b \\\\ c &amp;= d \\end{align}</p>', r"\begin{align} a &= b \\ c &= d \end{align}", True),
    ("dollars where a script looks for them", f'<script src="/MathJax.js?config=TeX-AMS"></script>{_inline(f"${TEX}$")}', TEX, False),
    ("in a heading", f"<h2>On {_KATEX} and what follows</h2>", TEX, False),
    ("in a list", f"<ul><li>First {_KATEX} for the first station</li><li>then nothing for the others of them</li></ul>", TEX, False),
    ("in a cell", f"<table><tr><th>Name</th><th>Error</th></tr><tr><td>Bessel</td><td>{_KATEX}</td></tr><tr><td>Jacobi</td><td>12.5</td></tr></table>", TEX, False),
]  # fmt: skip
