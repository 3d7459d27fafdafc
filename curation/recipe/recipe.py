"""The recipe: what the user declares, as frozen values with good defaults.

`read_recipe` turns YAML into a `Recipe` or raises `ConfigError` with every mistake in it. A rule's options
are the keyword parameters of its signal, an edit's those of its function: the code is the schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from curation.contamination.settings import Decontaminate
from curation.extract.classifier.model import damage
from curation.extract.settings import EngineConfig, Extract
from curation.filters.rules import Pass
from curation.quality.selection import Selection
from curation.recipe.config import ConfigError, Reader, compose
from curation.recipe.nodes import missing
from curation.recipe.sections import lines as line_section
from curation.recipe.sections import select
from curation.recipe.sections.dedup import Dedup
from curation.recipe.sections.history import against_mistakes
from curation.recipe.sections.inputs import Input
from curation.recipe.sections.labels import (
    ambiguous_streams,
    carried,
    label_mistakes,
    stream_mistakes,
)
from curation.recipe.sections.passes import decode_pass
from curation.recipe.sections.shard import FOLDER, Shard, Split
from curation.recipe.sections.sites import Sites
from curation.text.mistakes import Where, nearest

_RESERVED = ("tokenizer.json", "manifest.json")  # files that stand beside the streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The whole declaration.

    Attributes:
        measure: `needed` stops measuring a document at the first pass it fails; `all` measures it in every
            pass, for the order-free account of each rule.
        dropped_text_rate: share of removed documents (a hash of the id) whose text is stored to be looked at.
    """

    name: str
    inputs: Mapping[str, Input]
    extract: Extract = field(default_factory=Extract)
    lines: line_section.Lines | None = None
    filter: tuple[Pass, ...] = ()
    select: tuple[Selection, ...] = ()
    dedup: Dedup = field(default_factory=Dedup)
    sites: Sites | None = None
    decontaminate: Decontaminate | None = None
    shard: Shard
    measure: Literal["needed", "all"] = "needed"
    dropped_text_rate: float = field(default=1.0, metadata={"min": 0.0, "max": 1.0})

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Where]:
        """Yield (where, what) for mistakes that no single section can know.

        Sees the sections decoded so far, so that every mistake of a recipe comes out at once.
        """
        inputs, passes = values.get("inputs") or {}, values.get("filter") or ()
        if "inputs" in values:
            yield from _input_mistakes(inputs)
        yield from _pass_mistakes(passes, inputs)
        columns = carried(inputs)
        yield from label_mistakes(passes, columns)
        measures = {*_measures(passes), "characters"}
        yield from select.mistakes(passes, values.get("select") or (), measures)
        yield from line_section.mistakes(values.get("lines"), inputs)
        yield from _model_mistakes(getattr(values.get("extract"), "engine", None))
        shard, dedup = values.get("shard"), values.get("dedup")
        if shard and isinstance(shard.tokenizer, str) and (wrong := missing(shard.tokenizer)):
            yield ("shard", "tokenizer"), wrong
        for i, by in enumerate(shard.by if shard else ()):
            for wrong in stream_mistakes(by, passes, columns) if isinstance(by, str) else ():
                yield ("shard", "by", i), wrong
            for name in by.measures if isinstance(by, Split) else ():
                if name not in measures:
                    yield ("shard", "by", i), f"no pass measures '{name}'{nearest(name, measures)}"
        yield from ambiguous_streams(shard.by if shard else (), passes, inputs)
        for i, expression in enumerate(getattr(dedup, "prefer", ())):
            try:
                preference(passes, expression)
            except ValueError as error:
                yield ("dedup", "prefer", i), str(error)
        for at, wrong in against_mistakes(getattr(dedup, "against", ()), dedup or None):
            yield ("dedup", "against", *at), wrong


def _input_mistakes(inputs: Mapping[str, Any]) -> Iterator[Where]:
    if not inputs:
        yield ("inputs",), "inputs is empty; name at least one source"
    for name in inputs:
        if not FOLDER.fullmatch(name) or name in _RESERVED:
            yield (
                ("inputs", name),
                f"'{name}' cannot name a source, whose shards get a folder of that name; use letters, "
                "digits, '_', '-' and '.', a letter or digit first",
            )


def _model_mistakes(engine: Any) -> Iterator[Where]:
    """Yield what is wrong with the model file that an engine names."""
    if isinstance(engine, EngineConfig) and (wrong := missing(engine.blocks) or damage(engine.blocks)):
        yield ("extract", "engine", "blocks"), wrong


def _pass_mistakes(passes: Sequence[Pass], inputs: Mapping[str, Any]) -> Iterator[Where]:
    names = [filter_pass.name for filter_pass in passes]
    for i, filter_pass in enumerate(passes):
        if filter_pass.name and filter_pass.name in names[:i]:
            yield (
                ("filter", i, "name"),
                f"a second pass is called '{filter_pass.name}'; "
                "reasons are called PASS.RULE, names must differ",
            )
        for source in filter_pass.only:
            if source not in inputs:
                yield ("filter", i, "only"), f"no input named '{source}'{nearest(source, inputs)}"


def _measures(passes: Sequence[Pass]) -> set[str]:
    return {f"{filter_pass.name}.{rule.name}" for filter_pass in passes for rule in filter_pass.rules}


def preference(passes: Sequence[Pass], expression: str) -> tuple[str, bool]:
    """Return (column or measure, whether more is better) of one `prefer` expression.

    `characters` is the column; anything else is `PASS.RULE`, or `RULE` where only one pass has it.
    """
    words = expression.split()
    measures = _measures(passes)
    if len(words) != 2 or words[1] not in ("asc", "desc"):
        raise ValueError(f"expected 'MEASURE asc' or 'MEASURE desc', found '{expression}'")
    name, more = words[0], words[1] == "desc"
    if name == "characters" or name in measures:
        return name, more
    full = sorted(measure for measure in measures if measure.partition(".")[2] == name)
    if len(full) != 1:
        known = ", ".join(["characters", *sorted(measures)])
        raise ValueError(f"'{name}' is measured by {len(full) or 'no'} passes; known: {known}")
    return full[0], more


def read_recipe(path: str, overrides: Sequence[str] = (), sections: type[Recipe] = Recipe) -> Recipe:
    """Return the recipe of a YAML file or URL, with `--set` overrides laid in.

    Args:
        path: of the file.
        overrides: `dotted.key=value`.
        sections: the dataclass whose fields are the sections. For stages of your own derive one from
            `Recipe`, with a field for each section that they add.

    Raises:
        ConfigError: with every mistake, each at its line and column.
    """
    reader = Reader({Pass: decode_pass})
    recipe = reader.dataclass(compose(path, overrides), sections, "a recipe")
    if reader.mistakes:
        raise ConfigError(reader.mistakes)
    assert isinstance(recipe, sections)
    return recipe
