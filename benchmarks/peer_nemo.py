"""Run with NeMo Curator's own interpreter: what its filters make of {"text"} lines, as JSON lines.

    python peer_nemo.py english|code|html TEXTS.jsonl VERDICTS.jsonl

`english` is the chain of the shipped heuristic_filter_english_pipeline.yaml, `code` and `html` the filters of
source code and of HTML with their defaults. Each line is {filter: whether it keeps the text, null where it
raised}, in the chain's order. The filters' modules are the package's own; what they do not use of it (Ray,
torch, the stage around a filter) is not installed, and names stand in for it.
"""

import importlib
import json
import sys
import types
from importlib.metadata import version
from pathlib import Path


def stand_in(name: str, **content: object) -> None:
    """Put an empty module in the place of one that is not installed."""
    module = types.ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module


for package in ("cosmos_xenna", "cosmos_xenna.ray_utils"):
    stand_in(package)
stand_in("cosmos_xenna.ray_utils.cluster", API_LIMIT=1)
stand_in("nemo_curator.stages.text.filters.score_filter", Filter=None, Score=None, ScoreFilter=None)

import nemo_curator  # noqa: E402
import yaml  # noqa: E402

CODE = "nemo_curator.stages.text.filters.heuristic.code.code"


def english() -> dict[str, object]:
    """Return name -> filter of the shipped English chain, in its order."""
    path = Path(nemo_curator.__file__).parent / "config" / "text" / "heuristic_filter_english_pipeline.yaml"
    found: dict[str, object] = {}
    for stage in yaml.safe_load(path.read_text(encoding="utf-8"))["stages"]:
        options = dict(stage.get("filter_obj") or {})
        if options:
            module, _, name = options.pop("_target_").rpartition(".")
            made = getattr(importlib.import_module(module), name)(**options)
            found[name + (str(options["n"]) if "n" in options else "")] = made
    return found


def of_code() -> dict[str, object]:
    """Return the filters of source code that look at the text alone."""
    module = importlib.import_module(CODE)
    return {name: getattr(module, name)() for name in ("AlphaFilter", "XMLHeaderFilter")}


def of_html() -> dict[str, object]:
    """Return the filter of HTML."""
    return {"HTMLBoilerplateFilter": importlib.import_module(CODE).HTMLBoilerplateFilter()}


def keeps(filter_object: object, text: str) -> bool | None:
    """Return whether a filter keeps the text; None where it raises."""
    try:
        return bool(filter_object.keep_document(filter_object.score_document(text)))
    except (ArithmeticError, ValueError, IndexError, TypeError):
        return None


def main(kind: str, source: str, target: str) -> None:
    """Judge and write, then print the version."""
    filters = {"english": english, "code": of_code, "html": of_html}[kind]()
    with open(source, encoding="utf-8") as lines, open(target, "w", encoding="utf-8") as out:
        for line in lines:
            text = json.loads(line)["text"]
            out.write(json.dumps({name: keeps(each, text) for name, each in filters.items()}) + "\n")
    print(version("nemo-curator"))


if __name__ == "__main__":
    main(*sys.argv[1:])
