"""Tables, lists and what else has a form, as pages write them: (name, HTML, the lines it must come out as)."""

from __future__ import annotations


def _rows(*rows: str) -> str:
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


_FIRST = "<th>Station</th><th>Height</th><th>Flow</th>"
_SECOND = "<td>North</td><td>12</td><td>3.5</td>"
_THIRD = "<td>South</td><td>9</td><td>4.1</td>"
_HEAD = "| Station | Height | Flow |\n|---|---|---|"
_PLAIN = f"{_HEAD}\n| North | 12 | 3.5 |\n| South | 9 | 4.1 |"

TABLES: list[tuple[str, str, str]] = [
    ("header", _rows(_FIRST, _SECOND, _THIRD), _PLAIN),
    ("thead and tbody", f"<table><thead><tr>{_FIRST}</tr></thead><tbody><tr>{_SECOND}</tr><tr>{_THIRD}</tr></tbody></table>", _PLAIN),
    ("tfoot", f"<table><tbody><tr>{_FIRST}</tr><tr>{_SECOND}</tr></tbody><tfoot><tr>{_THIRD}</tr></tfoot></table>", _PLAIN),
    ("no header", _rows(_FIRST.replace("th", "td"), _SECOND, _THIRD), _PLAIN),
    ("white space in the source", _rows(f"\n  {_FIRST}\n", f"\n  {_SECOND.replace('North', chr(10) + '  North' + chr(10))}", _THIRD), _PLAIN),
    ("caption", f"<table><caption>Measured in May</caption><tr>{_FIRST}</tr><tr>{_SECOND}</tr><tr>{_THIRD}</tr></table>", f"Measured in May\n\n{_PLAIN}"),
    ("bars in a cell", _rows(_FIRST, _SECOND.replace("North", "North|East"), _THIRD), _PLAIN.replace("North", "North\\|East")),
    ("two columns", _rows("<th>Station</th><th>Height</th>", "<td>North</td><td>12</td>"), "| Station | Height |\n|---|---|\n| North | 12 |"),
    ("header in the first column", _rows("<th>Station</th><td>North</td><td>South</td>", "<th>Height</th><td>12</td><td>9</td>"), "| Station | North | South |\n|---|---|---|\n| Height | 12 | 9 |"),
    ("colspan", _rows("<th>Station</th><th colspan=2>Measured</th>", _SECOND, _THIRD), "| Station | Measured | Measured |\n|---|---|---|\n| North | 12 | 3.5 |\n| South | 9 | 4.1 |"),
    (
        "rowspan",
        _rows(_FIRST, '<td rowspan="2">North</td><td>12</td><td>3.5</td>', "<td>13</td><td>3.6</td>", _THIRD),
        f"{_HEAD}\n| North | 12 | 3.5 |\n| North | 13 | 3.6 |\n| South | 9 | 4.1 |",
    ),
    (
        "both spans in the header",
        _rows("<th rowspan=2>Station</th><th colspan=2>Measured</th>", "<th>May</th><th>June</th>", _SECOND),
        "| Station | Measured | Measured |\n|---|---|---|\n| Station | May | June |\n| North | 12 | 3.5 |",
    ),
    ("an empty cell", _rows(_FIRST, "<td>North</td><td></td><td>3.5</td>", _THIRD), f"{_HEAD}\n| North |  | 3.5 |\n| South | 9 | 4.1 |"),
    ("a short row", _rows(_FIRST, "<td>North</td><td>12</td>", _THIRD), f"{_HEAD}\n| North | 12 |  |\n| South | 9 | 4.1 |"),
    ("lists in cells", _rows("<th>Day</th><th>Hours</th>", "<td>Mon</td><td><ul><li>8 to 12</li><li>2 to 6</li></ul></td>", "<td>Tue</td><td>closed</td>"), "| Day | Hours |\n|---|---|\n| Mon | 8 to 12 2 to 6 |\n| Tue | closed |"),
    ("paragraphs in cells", _rows(_FIRST, "<td><p>North</p></td><td><p>12</p><p>13</p></td><td><div>3.5</div></td>", _THIRD), f"{_HEAD}\n| North | 12 13 | 3.5 |\n| South | 9 | 4.1 |"),
    ("line breaks in cells", _rows(_FIRST, "<td>North<br>East</td><td>12</td><td>3.5</td>", _THIRD), f"{_HEAD}\n| North East | 12 | 3.5 |\n| South | 9 | 4.1 |"),
    ("code in cells", _rows("<th>Name</th><th>Use</th>", "<td><code>a|b</code></td><td><pre>run --all</pre></td>", "<td><code>c_d</code></td><td>nothing</td>"), "| Name | Use |\n|---|---|\n| `a\\|b` | `run --all` |\n| `c_d` | nothing |"),
    ("scripts in cells", _rows("<th>Unit</th><th>Sign</th>", "<td>area</td><td>m<sup>2</sup></td>", "<td>water</td><td>H<sub>2</sub>O</td>"), "| Unit | Sign |\n|---|---|\n| area | m² |\n| water | H₂O |"),
    ("some links", _rows(_FIRST, '<td><a href="/n">North</a></td><td>12</td><td>3.5</td>', _THIRD), _PLAIN),
    ("bold cells", _rows(_FIRST, "<td><b>North</b></td><td>12</td><td>3.5</td>", _THIRD), _PLAIN.replace("North", "**North**")),
    ("in a figure", f"<figure>{_rows(_FIRST, _SECOND, _THIRD)}<figcaption>Measured in May at all of the stations.</figcaption></figure>", _PLAIN),
    ("in a div that scrolls", f'<div class="table-wrapper scroll" style="overflow:auto">{_rows(_FIRST, _SECOND, _THIRD)}</div>', _PLAIN),
    ("in a layout table", f"<table><tr><td><p>Here it is, in the only cell of a table.</p>{_rows(_FIRST, _SECOND, _THIRD)}</td></tr></table>", _PLAIN),
    ("right to left", '<table dir="rtl"><tr><th>المدينة</th><th>السكان</th></tr><tr><td>عمان</td><td>4</td></tr><tr><td>حلب</td><td>2</td></tr></table>', "| المدينة | السكان |\n|---|---|\n| عمان | 4 |\n| حلب | 2 |"),
]  # fmt: skip

OTHERS: list[tuple[str, str, str]] = [
    ("list", "<ul><li>the first of the things</li><li>the second one of them</li></ul>", "- the first of the things\n- the second one of them"),
    (
        "nested list",
        "<ul><li>the first of the things<ul><li>its own first part</li><li>its own second part</li></ul></li><li>the second of them</li></ul>",
        "- the first of the things\n  - its own first part\n  - its own second part\n- the second of them",
    ),
    (
        "three levels",
        "<ul><li>the first of all<ul><li>in the first one<ul><li>and in that one</li></ul></li></ul></li><li>the second of all</li></ul>",
        "- the first of all\n  - in the first one\n    - and in that one\n- the second of all",
    ),
    ("numbers", "<ol><li>the first of the things</li><li>the second one of them</li></ol>", "1. the first of the things\n2. the second one of them"),
    ("paragraphs in items", "<ul><li><p>the first of the things</p></li><li><p>the second one of them</p></li></ul>", "- the first of the things\n- the second one of them"),
    ("spans in items", "<ul><li><span>the first of the things</span></li><li><span>the second one of them</span></li></ul>", "- the first of the things\n- the second one of them"),
    ("definitions", "<dl><dt>brotli</dt><dd>Additional compression</dd><dt>pycurl</dt><dd>Faster downloads</dd></dl>", "brotli\n: Additional compression\n\npycurl\n: Faster downloads"),
    ("quotation", "<blockquote><p>He said that the bridge was too old to be of use.</p></blockquote>", "> He said that the bridge was too old to be of use."),
    ("quotation without paragraphs", "<blockquote>He said that the bridge was too old to be of use.</blockquote>", "> He said that the bridge was too old to be of use."),
    ("headings", "<h2>The first week</h2><p>It rained on every day of it.</p><h3>Monday</h3><p>It rained.</p>", "## The first week\n\nIt rained on every day of it.\n\n### Monday\n\nIt rained."),
    ("caption of a picture", '<figure><img src="a.jpg" alt="x"><figcaption>The valley from the north, in May.</figcaption></figure>', "The valley from the north, in May."),
    ("superscript", "<p>About 10<sup>23</sup> particles and H<sub>2</sub>O in the box of the station.</p>", "About 10²³ particles and H₂O in the box of the station."),
    ("ruby", "<p>漢<ruby>字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>の文はこの谷について書かれた。</p>", "漢字の文はこの谷について書かれた。"),
    ("details", "<details><summary>Who measured it?</summary><p>The people of the valley did, every morning at six.</p></details>", "The people of the valley did, every morning at six."),
    ("noscript", "<noscript><p>The drawing shows how high the river stood in every week of the year.</p></noscript>", "The drawing shows how high the river stood in every week of the year."),
    ("accordion", "<div class='accordion'><h3><button>Who measured it</button></h3><div class='panel collapse'><p>The people of the valley did, every morning.</p></div></div>", "### Who measured it\n\nThe people of the valley did, every morning."),
    ("right to left", "<p dir=rtl>وافق مجلس المدينة على خطة جديدة لتطوير ضفة النهر وسيحصل السكان على الحدائق.</p>", "وافق مجلس المدينة على خطة جديدة لتطوير ضفة النهر وسيحصل السكان على الحدائق."),
    ("inline code", "<p>Implement <code>WebMvcConfigurer</code> and register the <code>a_b_c *ptr</code> of it there.</p>", "Implement `WebMvcConfigurer` and register the `a_b_c *ptr` of it there."),
    ("layout table", "<table><tr><td><p>The first paragraph of what was found there.</p><p>The second paragraph of it all.</p></td></tr></table>", "The first paragraph of what was found there.\n\nThe second paragraph of it all."),
]  # fmt: skip
