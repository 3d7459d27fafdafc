"""Texts of hostile size and shape: measured by every rule of the FineWeb chain, finite, in bounded memory."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from curation.filters.judge import judge_text

from .pinned import loaded

#: A child judges one text and prints what the judging added to its peak memory, in MiB.
PROGRAM = """
import math, sys
from curation.filters.judge import judge_text
from curation.recipe.config import Reader
from curation.recipe.nodes import parse
from curation.recipe.sections.passes import decode_pass

presets = sys.argv[2].split(",")
passes = [decode_pass(Reader(), parse(f"{{name: {name}, preset: {name}}}", "test")) for name in presets]
# Not getrusage's ru_maxrss, which begins with what the process had that started this one.
peak_mib = lambda: int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
judge_text("a text that loads what is loaded once, “quotes” too.", "web", passes, measure_all=True)
text = eval(sys.argv[1])
before = peak_mib()
verdict = judge_text(text, "web", passes, measure_all=True)
assert len(verdict.measures) == sum(len(step.rules) for step in passes)
assert all(map(math.isfinite, verdict.measures.values()))
print(peak_mib() - before)
"""

HOUSE = "gopher,fineweb_c4,fineweb"
#: The same chain as datatrove runs it, with words as spaCy has them: every mark may be a word.
PINNED = "datatrove_gopher_repetition,datatrove_gopher_quality,fineweb_c4,datatrove_fineweb"

#: Bytes of memory allowed per character, and 100 MiB besides.
BYTES_PER_CHARACTER = 60
BYTES_PER_MARK = 200  # where each is a word that repeats

on_linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")


def added_mib(text, presets):
    """Return by how many MiB judging a text (an expression) raised a process's peak of memory."""
    command = [sys.executable, "-c", PROGRAM, text, presets]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert ran.returncode == 0, ran.stderr
    return float(ran.stdout)


@on_linux
@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("' '.join(f'word{i % 4999} and {i}.' for i in range(500_000))", 9_500_000),
        ("'a' * 10_000_000", 10_000_000),
        ("'漢' * 10_000_000", 10_000_000),
        ("'\\0' * 10_000_000", 10_000_000),
        ("' ' * 10_000_000", 10_000_000),
        ("'*' * 10_000_000", 10_000_000),
    ],
)
def test_a_long_text_is_measured_in_bounded_memory(text, characters):
    assert added_mib(text, HOUSE) < 100 + characters * BYTES_PER_CHARACTER / 2**20


@on_linux
@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("'One sentence is here repeated. ' * 32_000", 1_000_000),
        ("'.' + '\"' * 1_000_000", 1_000_000),
        ("'[' * 1_000_000", 1_000_000),
        ("'abc,' * 250_000", 1_000_000),
        ("'\"a \"' * 250_000", 1_000_000),
        ("'“' * 1_000_000", 1_000_000),
        ("'. \" ' * 250_000", 1_000_000),
        ("'.' + ' !' * 500_000", 1_000_000),
    ],
)
def test_a_text_of_marks_that_are_words_is_measured_in_bounded_memory(text, characters):
    # Going over it once for each of its marks would take hours and end the run by its time limit.
    assert added_mib(text, PINNED) < 100 + characters * BYTES_PER_MARK / 2**20


@pytest.mark.parametrize("text", ["", " \n\t", "\0 \0", "\ud800 a \udfff"], ids=ascii)
def test_a_text_of_nothing_or_of_no_letters_is_measured(text):
    passes = [loaded(name) for name in HOUSE.split(",")]
    verdict = judge_text(text, "web", passes, measure_all=True)
    assert len(verdict.measures) == sum(len(step.rules) for step in passes)
    assert all(map(math.isfinite, verdict.measures.values()))
