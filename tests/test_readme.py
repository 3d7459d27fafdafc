"""The README is a door: short, narrow, and what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from curation.cli import main
from curation.signals.registry import SIGNALS


@pytest.fixture
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def test_it_is_read_in_a_few_minutes(readme: str) -> None:
    lines = readme.splitlines()
    assert len(lines) <= 130
    assert [line for line in lines if len(line) > 100 and "](" not in line] == []


def test_what_it_links_to_exists(readme: str, root: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", readme)
    assert len(links) > 10
    assert [link for link in links if not (root / link).exists()] == []


def test_the_folders_of_the_tree_exist(readme: str, root: Path) -> None:
    tree = readme.partition("## The tree\n```\n")[2].partition("```")[0]
    folders = {"curation": re.findall(r"(?<=[ ])([a-z]+)/(?=[ ]|$)", tree.partition("jobs/")[0])}
    assert len(folders["curation"]) > 10
    missing = [
        name
        for name in folders["curation"]
        if not any((root / "curation" / parent / name).is_dir() for parent in ("", "spark", "look", "recipe"))
    ]
    assert missing == []
    assert set(re.findall(r"^([a-z]+)/", tree, re.MULTILINE)) >= {"curation", "jobs", "training", "tests"}


def test_its_filter_is_a_signal(readme: str) -> None:
    source = readme.partition("```python\n")[2].partition("```")[0]
    name = re.search(r"def (\w+)\(", source)[1]  # type: ignore[index]
    assert name not in SIGNALS
    code = f"from curation.signals.registry import signal\nfrom curation.text.text import Text\n{source}"
    scope: dict[str, object] = {}
    try:
        exec(code, scope)
        from curation.text.text import Text

        assert SIGNALS[name](Text("Why?\nBecause.")) == 0.5
    finally:
        SIGNALS.pop(name, None)


def test_every_command_has_a_section_in_the_docs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    names = re.findall(r"^    ([a-z]+)\b", capsys.readouterr().out, re.MULTILINE)
    assert {"run", "ledger", "report"} <= set(names)
    text = (root / "docs" / "commands.md").read_text(encoding="utf-8")
    assert [name for name in names if f"\n## curate {name}\n" not in text] == []
