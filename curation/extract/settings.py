"""The extract section of a recipe: how a page becomes text, and what it may cost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from curation.extract.block_engine import BlockEngine
from curation.extract.classifier.model import SHIPPED
from curation.extract.engines import ENGINES, engine_named
from curation.extract.extraction import Engine
from curation.extract.metadata import Mode
from curation.signals.models.options import language_mistake
from curation.text.mistakes import Where, one_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Bounds on a page's visible text, boilerplate included; a later rule should drop the same pages.

    Attributes:
        languages: ISO 639 codes whose shares of the text must together reach `min`; empty: any language.
        min_characters: least length of the visible text.
    """

    languages: tuple[str, ...] = ()
    min: float = field(default=0.3, metadata={"min": 0.0, "max": 1.0})
    min_characters: int = field(default=0, metadata={"min": 0})

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Where]:
        """Yield (where, what) for languages that are not detected."""
        for i, language in enumerate(values.get("languages") or ()):
            if language and (wrong := language_mistake(language)):
                yield ("languages", i), wrong

    def __post_init__(self) -> None:
        if not self.languages and not self.min_characters:
            raise ValueError("this gate has neither languages nor min_characters, so it would do nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """The engine `blocks` with a model of one's own.

    Attributes:
        blocks: path or URL of a file that `python -m curation.extract.training` wrote.
    """

    blocks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """How a page becomes text, and what it may cost.

    Attributes:
        engine: a name in `ENGINES`, or `{blocks: PATH}`; outside a recipe also "package.module:function".
        cascade: of the engine `blocks`: pages whose `extract.confidence` (0..1) is below this go to
            trafilatura.
        metadata: `light` (language, canonical, site and published as declared; 0.1 ms a page), `full` (also
            what trafilatura finds, author among it; doubles the cost) or `none`. The title is always read.
        format: of the text; `text` is the Markdown without its marks.
        structured: whether to keep the text as typed blocks too.
        timeout_s: of processor time a page.
        failure_budget: share of the records that may fail before the stage does.
    """

    engine: str | EngineConfig = "trafilatura"
    cascade: float | None = field(default=None, metadata={"min": 0.0, "max": 1.0})
    gate: Gate | None = None
    metadata: Mode = "light"
    format: Literal["markdown", "text"] = "markdown"
    structured: bool = False
    timeout_s: float = field(default=10.0, metadata={"min": 0.05, "max": 86_400.0})
    max_page_mib: float = field(default=10.0, metadata={"min": 0.001})
    max_memory_mib: int = field(default=2048, metadata={"min": 256, "max": 1 << 24})
    failure_budget: float = field(default=0.2, metadata={"min": 0.0, "max": 1.0})

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Where]:
        """Yield (where, what) for an engine that does not exist, and a cascade behind one that has none."""
        engine = values.get("engine", "trafilatura")
        if isinstance(engine, str) and engine not in ENGINES:
            yield ("engine",), one_of(engine, ENGINES)
        if values.get("cascade") is not None and isinstance(engine, str) and engine != "blocks":
            yield (
                ("cascade",),
                f"the engine {engine} does not say how sure it is, so nothing can be below a cascade's bound;"
                " only blocks does",
            )

    @property
    def engine_name(self) -> str:
        """The engine's name, whatever its model."""
        return self.engine if isinstance(self.engine, str) else "blocks"

    @property
    def model(self) -> str | None:
        """Path or URL of the engine's model, None where it has none."""
        if isinstance(self.engine, EngineConfig):
            return self.engine.blocks
        return SHIPPED if self.engine == "blocks" else None

    def chosen_engine(self) -> Engine:
        """Return the engine. Raises ValueError where there is none of its name."""
        if self.model and self.cascade is not None:
            return BlockEngine(self.model, self.cascade, ENGINES["trafilatura"])
        if isinstance(self.engine, EngineConfig):
            return BlockEngine(self.engine.blocks)
        return engine_named(self.engine_name)

    def to_json(self) -> str:
        """Return the settings as JSON, for the process that extracts."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the settings that `to_json` wrote."""
        values = json.loads(text)
        gate, engine = values.pop("gate"), values.pop("engine")
        return cls(
            **values,
            engine=engine if isinstance(engine, str) else EngineConfig(**engine),
            gate=Gate(**gate) if gate else None,
        )
