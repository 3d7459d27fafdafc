"""What every bench leaves: a table on the screen and build/bench/NAME.json."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def record(
    name: str,
    figures: Mapping[str, object],
    bars: Mapping[str, tuple[float, float]],
    packages: Sequence[str],
    ratios: Mapping[str, float] | None = None,
) -> int:
    """Print each bar (value, least allowed), write everything to build/bench/NAME.json; return the exit status.

    It is 1 where a bar was missed: a bench that only says so is passed over.
    """
    judged = {key: {"value": value, "bar": bar, "ok": value >= bar} for key, (value, bar) in bars.items()}
    for key, each in judged.items():
        print(f"{key:32}{each['value']:>12,.4g}  bar {each['bar']:,.4g}  {'ok' if each['ok'] else 'MISSED'}")
    found = {
        "figures": dict(figures),
        "ratios": dict(ratios or {}),
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "system": platform.system(),
        },
        "versions": {"python": platform.python_version(), **{each: version(each) for each in packages}},
        "bars": judged,
    }
    out = ROOT / "build" / "bench" / f"{name}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"written to {out.relative_to(ROOT)}")
    return int(not all(each["ok"] for each in judged.values()))
