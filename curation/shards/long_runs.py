"""Cut what a pre-tokenizer leaves whole, so that training a tokenizer ends on any text."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: What the pre-tokenizer of `train_tokenizer` leaves whole: runs of letters, of numbers, of marks, of white
#: space (the split of GPT-2). Training takes the square of the time for the longest, so longer runs are cut.
RUN_CHARACTERS = 256
_LONG = re.compile(rf"\S{{{RUN_CHARACTERS + 1},}}|\s{{{RUN_CHARACTERS + 1},}}")


@functools.cache
def _long_runs() -> Any:
    import regex

    kinds = (r"\p{L}", r"\p{N}", r"[^\s\p{L}\p{N}]", r"\s")
    return regex.compile("|".join(rf"{kind}{{{RUN_CHARACTERS + 1},}}+" for kind in kinds))


@dataclass(slots=True)
class CutRuns:
    """The runs that are cut before training: how many, and the characters of the longest."""

    count: int = 0
    longest: int = 0

    def pieces(self, text: str) -> Iterator[str]:
        """Yield a text in pieces none of which has a run over `RUN_CHARACTERS`, and count what is cut."""
        last = 0
        for part in _LONG.finditer(text):
            for run in _long_runs().finditer(text, *part.span()):
                self.count += 1
                self.longest = max(self.longest, run.end() - run.start())
                for cut in range(run.start() + RUN_CHARACTERS, run.end(), RUN_CHARACTERS):
                    yield text[last:cut]
                    last = cut
        yield text[last:]

    def to_json(self) -> dict[str, Any]:
        """Return what a manifest says of them; `note` is for people, where there are any."""
        counts = {"runs_cut": self.count, "longest_run": self.longest, "run_characters": RUN_CHARACTERS}
        if not self.count:
            return counts
        runs = "1 run" if self.count == 1 else f"{self.count:,} runs"
        kinds = f"of over {RUN_CHARACTERS} letters, numbers, marks or spaces"
        note = f"{runs} {kinds} cut before training, the longest of {self.longest:,}"
        return counts | {"note": note}
