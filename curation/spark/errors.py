"""What stops a run: a stage that failed, an input that other settings made, a stage that there is not."""

from __future__ import annotations

from typing import Any


class StaleInput(ValueError):
    """The output of the stage before was made by another recipe than the one to run."""


class UnknownStage(ValueError):
    """A stage was asked for that does not exist."""


class StageFailed(RuntimeError):
    """A stage that Spark gave up on, or that refused what it was given; says what the last error was."""

    def __init__(self, stage: str, error: Exception) -> None:
        lines = [line for line in str(error).splitlines() if line.strip()]
        python = [line for line in lines if not line.startswith((" ", "\t", "JVM stacktrace"))]
        shown = "\n".join(dict.fromkeys(python[-6:] or lines[-6:]))
        super().__init__(f"{stage}: the stage failed; nothing was published. The last error was:\n{shown}")


def differences(theirs: Any, ours: Any, at: str = "") -> list[str]:
    """Return the dotted places where two settings differ."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        keys = sorted({*theirs, *ours})
        return [path for key in keys for path in differences(theirs.get(key), ours.get(key), f"{at}.{key}")]
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        pairs = enumerate(zip(theirs, ours, strict=True))
        return [path for i, pair in pairs for path in differences(*pair, f"{at}.{i}")]
    return [] if theirs == ours else [at.removeprefix(".")]
