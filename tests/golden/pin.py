"""Pin the golden digests anew, after a change of output that CHANGELOG.md names: `make golden`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "spark"))

from conftest import write_small  # noqa: E402

from curation.recipe.recipe import read_recipe  # noqa: E402
from curation.spark.run import Run  # noqa: E402
from curation.spark.store import Store  # noqa: E402


def main() -> None:
    """Run the small crawl and write its digests to small.json."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = write_small(Path(folder, "in"))
        manifests = Run(read_recipe(str(recipe)), Store(f"{folder}/out")).run()
    pinned = {each.stage: {"rows": each.rows, "digest": each.digest} for each in manifests}
    (HERE / "small.json").write_text(json.dumps(pinned, indent=1) + "\n")
    print("pinned; say what changed, and by how much, under 'Output changed' in CHANGELOG.md")


if __name__ == "__main__":
    main()
