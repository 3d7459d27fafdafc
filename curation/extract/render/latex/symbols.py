"""LaTeX for the characters that MathML writes: symbols, letters, accents, named functions."""

from __future__ import annotations

import unicodedata

_GREEK = (
    "α alpha β beta γ gamma δ delta ϵ epsilon ε varepsilon ζ zeta η eta θ theta ϑ vartheta ι iota κ"
    " kappa ϰ varkappa λ lambda"
    " μ mu µ mu ν nu ξ xi π pi ϖ varpi ρ rho ϱ varrho σ sigma ς varsigma τ tau υ upsilon ϕ phi φ"
    " varphi χ chi ψ psi ω omega"
    " Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi Π Pi Σ Sigma Υ Upsilon Φ Phi Ψ Psi Ω Omega ϝ digamma"
)
_OPERATORS = (
    "± pm ∓ mp × times ÷ div ∗ ast ⋆ star ∘ circ ∙ bullet • bullet ⋅ cdot · cdot ∩ cap ∪ cup ⊎ uplus"
    " ⊓ sqcap ⊔ sqcup ∨ vee ∧ wedge"
    " ∖ setminus ≀ wr ⋄ diamond △ triangle ▽ bigtriangledown ◃ triangleleft ▹ triangleright ⊕ oplus"
    " ⊖ ominus ⊗ otimes"
    " ⊘ oslash ⊙ odot ◯ bigcirc † dagger ‡ ddagger ⨿ amalg ∑ sum ∏ prod ∐ coprod ∫ int ∬ iint ∭ iiint ∮ oint"
    " ⋂ bigcap ⋃ bigcup ⨆ bigsqcup ⋁ bigvee ⋀ bigwedge ⨀ bigodot ⨂ bigotimes ⨁ bigoplus ⨄ biguplus ⊞"
    " boxplus ⊟ boxminus"
    " ⊠ boxtimes ⊡ boxdot ⋉ ltimes ⋊ rtimes ⋈ bowtie"
)
_RELATIONS = (
    "≤ leq ⩽ leqslant ≥ geq ⩾ geqslant ≠ neq ≡ equiv ∼ sim ≃ simeq ≈ approx ≅ cong ∝ propto ≪ ll ≫"
    " gg ≺ prec ≻ succ ⪯ preceq"
    " ⪰ succeq ≼ preccurlyeq ≽ succcurlyeq ⊂ subset ⊃ supset ⊆ subseteq ⊇ supseteq ⊊ subsetneq ⊋"
    " supsetneq ⊏ sqsubset ⊐ sqsupset"
    " ⊑ sqsubseteq ⊒ sqsupseteq ∈ in ∋ ni ∉ notin ⊢ vdash ⊣ dashv ⊨ models ⊩ Vdash ⊥ perp ∥ parallel"
    " ∦ nparallel ∣ mid ∤ nmid"
    " ≍ asymp ≐ doteq ≜ triangleq ≔ coloneqq ⌣ smile ⌢ frown ≲ lesssim ≳ gtrsim ≮ nless ≯ ngtr ≰"
    " nleq ≱ ngeq ≁ nsim ≇ ncong"
    " ⊄ nsubseteq ⊈ nsubseteq ⊉ nsupseteq ⋮ vdots ⋯ cdots … ldots ⋱ ddots"
)
_ARROWS = (
    "← leftarrow → rightarrow ↑ uparrow ↓ downarrow ↔ leftrightarrow ↕ updownarrow ⇐ Leftarrow ⇒"
    " Rightarrow ⇑ Uparrow ⇓ Downarrow"
    " ⇔ Leftrightarrow ⟵ longleftarrow ⟶ longrightarrow ⟷ longleftrightarrow ⟸ Longleftarrow ⟹ Longrightarrow"
    " ⟺ Longleftrightarrow ↦ mapsto ⟼ longmapsto ↩ hookleftarrow ↪ hookrightarrow ↼ leftharpoonup ⇀"
    " rightharpoonup"
    " ↽ leftharpoondown ⇁ rightharpoondown ⇌ rightleftharpoons ↗ nearrow ↘ searrow ↙ swarrow ↖"
    " nwarrow ⇝ leadsto ↠ twoheadrightarrow"
    " ⇄ rightleftarrows ↾ upharpoonright ↛ nrightarrow ↞ twoheadleftarrow ↣ rightarrowtail"
)
_OTHERS = (
    "∞ infty ∂ partial ∇ nabla ∀ forall ∃ exists ∄ nexists ¬ neg ∅ emptyset ℵ aleph ℶ beth ℏ hbar ℓ"
    " ell ℘ wp ℜ Re ℑ Im ∠ angle ∡ measuredangle"
    " ⊤ top ′ prime ″ prime\\prime √ surd □ square ■ blacksquare ◇ Diamond ♢ diamondsuit ♣ clubsuit"
    " ♡ heartsuit ♠ spadesuit ♭ flat ♮ natural ♯ sharp"
    " ∁ complement ð eth ∴ therefore ∵ because ı imath ȷ jmath ° circ ⌈ lceil ⌉ rceil ⌊ lfloor ⌋"
    " rfloor ⟨ langle ⟩ rangle"
    " 〈 langle 〉 rangle ⟦ llbracket ⟧ rrbracket ‖ | { { } } § S ¶ P £ pounds ₤ pounds ∎ blacksquare"
    " ⊳ rhd ⊲ lhd"
)


def _table(words: str) -> dict[str, str]:
    parts = words.split()
    return {character: f"\\{name}" for character, name in zip(parts[::2], parts[1::2], strict=True)}


#: Character -> LaTeX.
SYMBOLS: dict[str, str] = {
    **_table(_GREEK), **_table(_OPERATORS), **_table(_RELATIONS), **_table(_ARROWS), **_table(_OTHERS),
    "−": "-", "‐": "-", "–": "-", "—": "-", "∕": "/", "⁄": "/", "∶": ":", "%": "\\%", "#": "\\#",
    "&": "\\&", "_": "\\_",
    "$": "\\$", "~": "\\sim", "\\": "\\backslash", "″": "''", "′": "'", "‴": "'''", "⁗": "''''", "ʹ": "'",
    "∣": "|", "‖": "\\|", "∥": "\\|", "°": "^{\\circ}", "¯": "\\bar{}", "\u2061": "", "\u2062": "",
    "\u2063": "", "\u2064": "",
    "\u200b": "", "\u2009": "\\,", "\u00a0": "~", "\u2003": "\\quad", "\u2002": "\\;", "\u2005": "\\:",
    "\u200a": "", "\u205f": "\\:",
}  # fmt: skip
#: Accents over a letter, and what takes the place of those that stretch.
OVER = {
    "^": "hat", "ˆ": "hat", "\u0302": "hat", "~": "tilde", "˜": "tilde", "\u0303": "tilde", "∼": "tilde",
    "¯": "bar", "\u0304": "bar",
    "‾": "overline", "\u0305": "overline", "―": "overline", "_": "overline", "→": "vec", "⃗": "vec",
    "⇀": "vec", "˙": "dot", ".": "dot",
    "\u0307": "dot", "¨": "ddot", "\u0308": "ddot", "⃛": "dddot", "…": "dddot", "˘": "breve",
    "\u0306": "breve", "ˇ": "check",
    "\u030c": "check", "´": "acute", "\u0301": "acute", "`": "grave", "\u0300": "grave", "˚": "mathring",
    "\u030a": "mathring",
    "⏞": "overbrace", "︷": "overbrace", "←": "overleftarrow", "↔": "overleftrightarrow",
}  # fmt: skip
UNDER = {
    "⏟": "underbrace",
    "︸": "underbrace",
    "_": "underline",
    "¯": "underline",
    "\u0332": "underline",
    "‾": "underline",
    "―": "underline",
}
#: Operators under which limits stand.
LIMITS = {"∑", "∏", "∐", "⋂", "⋃", "⋁", "⋀", "⨁", "⨂", "⨀", "⨆", "⨄", "∫", "∬", "∭", "∮"}
FUNCTIONS = frozenset(
    [
        "arccos",
        "arcsin",
        "arctan",
        "arg",
        "cos",
        "cosh",
        "cot",
        "coth",
        "csc",
        "deg",
        "det",
        "dim",
        "exp",
        "gcd",
        "hom",
        "inf",
        "ker",
        "lg",
        "lim",
        "liminf",
        "limsup",
        "ln",
        "log",
        "max",
        "min",
        "Pr",
        "sec",
        "sin",
        "sinh",
        "sup",
        "tan",
        "tanh",
    ]
)
LIMIT_FUNCTIONS = frozenset(["det", "gcd", "inf", "lim", "liminf", "limsup", "max", "min", "Pr", "sup"])
VARIANTS = {
    "bold": "mathbf", "bold-italic": "boldsymbol", "double-struck": "mathbb", "script": "mathcal",
    "bold-script": "mathcal",
    "fraktur": "mathfrak", "bold-fraktur": "mathfrak", "sans-serif": "mathsf", "monospace": "mathtt",
    "normal": "mathrm",
}  # fmt: skip
#: Fences around a table -> its environment.
MATRICES = {
    "()": "pmatrix", "[]": "bmatrix", "{}": "Bmatrix", "||": "vmatrix", "‖‖": "Vmatrix", "∣∣": "vmatrix",
    "∥∥": "Vmatrix",
}  # fmt: skip
#: What `menclose` draws -> its command, the first that it names.
ENCLOSURES = {
    "box": "boxed", "roundedbox": "boxed", "circle": "boxed", "radical": "sqrt", "top": "overline",
    "bottom": "underline", "updiagonalstrike": "cancel", "downdiagonalstrike": "bcancel",
    "horizontalstrike": "cancel",
}  # fmt: skip
_STYLES = (
    ("MATHEMATICAL BOLD ITALIC", "boldsymbol"),
    ("MATHEMATICAL BOLD SCRIPT", "mathcal"),
    ("MATHEMATICAL BOLD FRAKTUR", "mathfrak"),
    ("MATHEMATICAL BOLD", "mathbf"),
    ("MATHEMATICAL ITALIC", ""),
    ("MATHEMATICAL SCRIPT", "mathcal"),
    ("MATHEMATICAL FRAKTUR", "mathfrak"),
    ("MATHEMATICAL DOUBLE-STRUCK", "mathbb"),
    ("MATHEMATICAL SANS-SERIF", "mathsf"),
    ("MATHEMATICAL MONOSPACE", "mathtt"),
    ("DOUBLE-STRUCK", "mathbb"),
    ("SCRIPT", "mathcal"),
    ("BLACK-LETTER", "mathfrak"),
)


def character(one: str) -> str:
    r"""Return a character in LaTeX, as it is where LaTeX has no name for it.

    >>> character("α"), character("≤"), character("𝑥"), character("ℝ"), character("x")
    ('\\alpha', '\\leq', 'x', '\\mathbb{R}', 'x')
    """
    if one.isascii() and one.isalnum():
        return one
    known = SYMBOLS.get(one)
    if known is not None:
        return known
    name = unicodedata.name(one, "")
    for prefix, style in _STYLES:
        if name.startswith(prefix):
            plain = unicodedata.normalize("NFKC", one)
            plain = SYMBOLS.get(plain, plain)
            return f"\\{style}{{{plain}}}" if style else plain
    return one
