"""MathML as LaTeX: a case for each element of the standard (MathML 3, chapter 3), and what authors make of them."""

from __future__ import annotations

import pytest

from curation.extract.render.latex.mathml import latex
from curation.extract.trees import fragment

CASES = {
    "mi": ("<mi>x</mi><mi>sin</mi><mi>abc</mi><mi>π</mi>", r"x\sin\mathrm{abc}\pi"),
    "mi variants": ('<mi mathvariant="bold">v</mi><mi mathvariant="double-struck">R</mi><mi mathvariant="normal">d</mi><mi>x</mi>', r"\mathbf{v}\mathbb{R}\mathrm{d}x"),
    "mathematical letters": ("<mi>𝑥</mi><mo>∈</mo><mi>ℝ</mi><mi>𝐯</mi><mi>𝔤</mi>", r"x\in\mathbb{R}\mathbf{v}\mathfrak{g}"),
    "mn": ("<mn>3.14</mn>", "3.14"),
    "mo": ("<mi>a</mi><mo>≤</mo><mi>b</mi><mo>⁢</mo><mi>c</mi><mo>≠</mo><mi>d</mi>", r"a\leq bc\neq d"),
    "mo minus": ("<mi>a</mi><mo>−</mo><mi>b</mi>", "a-b"),
    "mtext": ("<mi>x</mi><mtext> if </mtext><mi>y</mi>", r"x\text{ if }y"),
    "mspace": ('<mi>a</mi><mspace width="1em"></mspace><mi>b</mi><mspace width="thin"></mspace>', r"a\quad b"),
    "ms": ("<ms>abc</ms>", '\\text{"abc"}'),
    "mfrac": ("<mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></mfrac>", r"\frac{a+b}{2}"),
    "mfrac without a line": ('<mrow><mo>(</mo><mfrac linethickness="0"><mi>n</mi><mi>k</mi></mfrac><mo>)</mo></mrow>', r"\left(\binom{n}{k}\right)"),
    "mfrac bevelled": ('<mfrac bevelled="true"><mi>a</mi><mi>b</mi></mfrac>', "a/b"),
    "msqrt": ("<msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt>", r"\sqrt{x+1}"),
    "mroot": ("<mroot><mi>x</mi><mn>3</mn></mroot>", r"\sqrt[3]{x}"),
    "mfenced": ('<mfenced open="[" close=")" separators=","><mi>a</mi><mi>b</mi></mfenced>', "[a,b)"),
    "fences that grow": ("<mrow><mo>(</mo><mfrac><mi>a</mi><mi>b</mi></mfrac><mo>)</mo></mrow>", r"\left(\frac{a}{b}\right)"),
    "menclose": ('<menclose notation="box"><mi>x</mi></menclose>', r"\boxed{x}"),
    "msub msup": ("<msub><mi>a</mi><mn>1</mn></msub><msup><mi>b</mi><mn>2</mn></msup>", "a_{1}b^{2}"),
    "msubsup": ("<msubsup><mo>∫</mo><mn>0</mn><mn>1</mn></msubsup><mi>x</mi>", r"\int_{0}^{1}x"),
    "primes": ("<msup><mi>f</mi><mo>′</mo></msup><mo>(</mo><mi>x</mi><mo>)</mo>", "f'(x)"),
    "a base of several": ("<msup><mrow><mi>a</mi><mi>b</mi></mrow><mn>2</mn></msup>", "{ab}^{2}"),
    "a base in brackets": ("<msup><mrow><mo>(</mo><mi>a</mi><mo>+</mo><mi>b</mi><mo>)</mo></mrow><mn>2</mn></msup>", "(a+b)^{2}"),
    "munderover": ("<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover><mi>i</mi>", r"\sum_{i=1}^{n}i"),
    "limits of a name": ("<munder><mi>lim</mi><mrow><mi>x</mi><mo>→</mo><mn>0</mn></mrow></munder><mi>f</mi>", r"\lim_{x\rightarrow0}f"),
    "accents": ("<mover><mi>x</mi><mo>^</mo></mover><mover><mi>v</mi><mo>→</mo></mover><mover><mrow><mi>A</mi><mi>B</mi></mrow><mo>¯</mo></mover>", r"\hat{x}\vec{v}\overline{AB}"),
    "brace": ("<munder><munder><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mo>⏟</mo></munder><mi>n</mi></munder>", r"\underbrace{a+b}_{n}"),
    "stacked": ("<mover><mo>=</mo><mtext>def</mtext></mover>", r"\overset{\text{def}}{=}"),
    "mmultiscripts": ("<mmultiscripts><mi>C</mi><mn>6</mn><none></none><mprescripts></mprescripts><mn>14</mn><none></none></mmultiscripts>", "{}_{14}C_{6}"),
    "mtable": ("<mrow><mo>(</mo><mtable><mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr><mtr><mtd><mi>c</mi></mtd><mtd><mi>d</mi></mtd></mtr></mtable><mo>)</mo></mrow>", r"\begin{pmatrix}a & b \\ c & d\end{pmatrix}"),
    "cases": ("<mrow><mo>{</mo><mtable><mtr><mtd><mn>0</mn></mtd><mtd><mi>x</mi></mtd></mtr><mtr><mtd><mn>1</mn></mtd><mtd><mi>y</mi></mtd></mtr></mtable></mrow>", r"\begin{cases}0 & x \\ 1 & y\end{cases}"),
    "aligned": ('<mtable columnalign="right left"><mtr><mtd><mi>a</mi></mtd><mtd><mo>=</mo><mi>b</mi></mtd></mtr></mtable>', r"\begin{aligned}a & =b\end{aligned}"),
    "mphantom": ("<mphantom><mi>x</mi></mphantom>", r"\phantom{x}"),
    "mstyle mpadded maction": ('<mstyle displaystyle="true"><mi>x</mi></mstyle><mpadded><mi>y</mi></mpadded><maction><mi>z</mi><mi>w</mi></maction>', "xyz"),
    "a name before a letter": ("<mi>α</mi><mi>x</mi>", r"\alpha x"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_mathml_is_latex(name: str) -> None:
    source, wanted = CASES[name]
    assert latex(next(fragment(f"<math>{source}</math>").iter("math"))) == wanted


def test_prefixed_names_and_depth() -> None:
    prefixed = fragment("<m:math><m:msup><m:mi>x</m:mi><m:mn>2</m:mn></m:msup></m:math>")
    assert latex(prefixed[0]) == "x^{2}"
    deep = fragment("<math>" + "<mrow>" * 1500 + "<mi>x</mi>" + "</mrow>" * 1500 + "</math>")
    assert latex(next(deep.iter("math"))) in ("", "x")
