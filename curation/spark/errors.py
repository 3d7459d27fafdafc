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


def differences(found: Any, wanted: Any, at: str = "") -> list[str]:
    """Return the dotted places where two settings differ."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = sorted({*found, *wanted})
        return [each for key in keys for each in differences(found.get(key), wanted.get(key), f"{at}.{key}")]
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        pairs = enumerate(zip(found, wanted, strict=True))
        return [each for i, pair in pairs for each in differences(*pair, f"{at}.{i}")]
    return [] if found == wanted else [at.removeprefix(".")]
