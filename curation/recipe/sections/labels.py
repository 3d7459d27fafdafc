"""The labels of a recipe: decoded, what they can be, and where it asks for others than there are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from yaml.nodes import Node

from curation.filters.rules import Label, Pass
from curation.recipe.config import Reader
from curation.recipe.options import decode, options, required
from curation.recipe.sections.shard import FOLDER, Split
from curation.signals import LABELLERS
from curation.signals.models.labels import NO_SCRIPT, SCRIPTS, UNKNOWN
from curation.signals.models.model_files import fasttext_labels
from curation.signals.models.options import language_mistake
from curation.text.mistakes import Where, nearest

LANGUAGE = "language"
NO_LANGUAGE = "un"
_NAME = re.compile(r"[A-Za-z0-9_-]+")
#: The values of a column.
ANYTHING = ("anything",)
#: Label -> its values, none where they are the codes of CLD2; None where no pass gives it.
Known = dict[str, Collection[str] | None]


def decode_when(reader: Reader, node: Node) -> dict[str, tuple[str, ...]]:
    """Decode `when: {label: value}` and `when: {label: [value, ...]}`."""
    given: Mapping[str, Any] = reader.value(node, Mapping[str, str | tuple[str, ...]])
    return {name: (value,) if isinstance(value, str) else tuple(value or ()) for name, value in given.items()}


def decode_labels(reader: Reader, node: Node) -> tuple[Label, ...]:
    """Decode `label: {name: {labeller: …, option: value}}`; without `labeller` the name says which."""
    labels = []
    for name, (key, value) in reader.items(node, what="label").items():
        if not _NAME.fullmatch(name):
            reader.wrong(key, f"'{name}' cannot name a label; use letters, digits, '_' and '-'")
        items = reader.items(value, what=name)
        labeller, where = name, key
        if "labeller" in items:
            where = items.pop("labeller")[1]
            labeller = reader.value(where, str)
        if labeller not in LABELLERS:
            reader.wrong(where, f"no labeller named '{labeller}'{nearest(str(labeller), LABELLERS)}")
            continue
        function, before = LABELLERS[labeller], len(reader.mistakes)
        given = reader.items(value, ["labeller", *options(function)], labeller)
        given.pop("labeller", None)
        chosen = decode(reader, function, given)
        required(reader, key, labeller, function, chosen)
        if len(reader.mistakes) == before:
            labels.append(Label(name=name, labeller=labeller, options=chosen))
    return tuple(labels)


def values(label: Label) -> Collection[str]:
    """Return what a label can say; nothing where that is what CLD2 can. The model it names must be whole."""
    model = label.options.get("model")
    if isinstance(model, str):
        nothing = NO_LANGUAGE if label.labeller == LANGUAGE else UNKNOWN
        return [*fasttext_labels(model), nothing]
    return (*SCRIPTS, NO_SCRIPT) if label.labeller == "script" else ()


#: Stands for the values of a label that may be any ending of a file's name.
ENDINGS = frozenset({"*"})


def carried(inputs: Mapping[str, Any]) -> list[str]:
    """Return the columns that inputs carry along, which serve as labels."""
    return list(dict.fromkeys(name for source in inputs.values() for name in getattr(source, "columns", ())))


def label_mistakes(passes: Sequence[Pass], columns: Collection[str]) -> Iterator[Where]:
    """Yield (where, what) for labels given twice or too late, and for values that no label has.

    columns: of the inputs, see `carried`; they may have any value.
    """
    known: Known = {LANGUAGE: None, **dict.fromkeys(columns, ANYTHING)}
    language_is_used = False
    for i, filter_pass in enumerate(passes):
        for at, wrong in (*_when_mistakes(filter_pass, known), *_table_mistakes(filter_pass, known)):
            yield ("filter", i, *at), wrong
        language_is_used |= LANGUAGE in filter_pass.when or bool(filter_pass.per_language)
        for label in filter_pass.labels:
            at = ("filter", i, "label", label.name)
            if label.name == LANGUAGE and language_is_used:
                yield at, "rules before this one go by the language; label it in a pass before them"
            elif label.name in columns:
                yield at, f"an input carries a column '{label.name}' already"
            elif known.get(label.name) is not None:
                yield at, f"an earlier pass gives a label '{label.name}' already"
            known[label.name] = ENDINGS if label.labeller == "extension" else values(label)


def _when_mistakes(filter_pass: Pass, known: Known) -> Iterator[Where]:
    for name, wanted in filter_pass.when.items():
        if name not in known:
            yield ("when", name), f"no pass before this one gives a label '{name}'{nearest(name, known)}"
            continue
        for value in wanted:
            if wrong := _wrong_value(name, value, known[name]):
                yield ("when", name), wrong


def _table_mistakes(filter_pass: Pass, known: Known) -> Iterator[Where]:
    for language in filter_pass.per_language:
        if wrong := _wrong_value(LANGUAGE, language, known[LANGUAGE]):
            yield ("per_language",), f"{wrong} (in the table)"


def _wrong_value(name: str, value: str, known: Collection[str] | None) -> str | None:
    if known is ANYTHING:
        return None
    if known is ENDINGS:
        ending = value.rpartition(".")[2].lower()
        return None if value == ending else f"the ending '{value}' is written '{ending}'"
    if not known:
        return None if value == NO_LANGUAGE else language_mistake(value)
    return None if value in known else f"the label '{name}' is never '{value}'{nearest(value, known)}"


def stream_mistakes(by: str, passes: Sequence[Pass], columns: Collection[str]) -> Iterator[str]:
    """Yield what keeps a column or a label from parting documents into streams, each a folder of its name."""
    labels = {label.name: label for filter_pass in passes for label in filter_pass.labels}
    known = ["source", LANGUAGE, *(name for name in labels if name != LANGUAGE), *columns]
    if by not in known:
        yield f"expected source, language or the name of a label, found '{by}'{nearest(by, known)}"
    for value in values(labels[by]) if by in labels else ():
        if not FOLDER.fullmatch(value):
            yield (
                f"the label '{by}' may be '{value}', which cannot name a folder, and each value gets one; "
                "expected letters, digits, '_', '-' and '.', a letter or digit first"
            )
            return


def ambiguous_streams(
    by: Sequence[str | Split | None], passes: Sequence[Pass], sources: Collection[str]
) -> Iterator[Where]:
    """Yield where a second part of the streams' names can hold a dot: they are joined by dots.

    With one such part every name can be taken apart again; with two, `a.b` and `c` would be `a` and `b.c`.
    """
    labels = {label.name: label for filter_pass in passes for label in filter_pass.labels}
    first = ""
    for i, part in enumerate(by):
        if not isinstance(part, str):
            continue  # what a band or a topic adds has always as many dots
        named = sources if part == "source" else values(labels[part]) if part in labels else ()
        dotted = next((f"'{part}' may be '{value}'" for value in named if "." in value), "")
        if dotted and first:
            yield ("shard", "by", i), f"{first} and {dotted}: two streams could get one name, joined by dots"
        first = first or dotted
