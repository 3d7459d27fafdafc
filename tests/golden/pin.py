"""Pin the golden digests anew, after a change of output that CHANGELOG.md names: `make golden`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "spark"))

from conftest import prose, write_small  # noqa: E402
from every_stage import frozen, overrides  # noqa: E402

from curation.recipe.recipe import read_recipe  # noqa: E402
from curation.spark.run import Run  # noqa: E402
from curation.spark.store import Store  # noqa: E402


def main() -> None:
    """Run the small crawl; write its digests to small.json, and its manifests with every stage to manifests.json."""
    with tempfile.TemporaryDirectory() as folder:
        inputs, out = Path(folder, "in"), Path(folder, "out")
        recipe, store = write_small(inputs), Store(str(out))
        manifests = Run(read_recipe(str(recipe)), store).run()
        Run(read_recipe(str(recipe), overrides(inputs, prose(3)[:200])), store).run()
        every_stage = frozen(out, inputs)
    pinned = {manifest.stage: {"rows": manifest.rows, "digest": manifest.digest} for manifest in manifests}
    for name, data in (("small", pinned), ("manifests", every_stage)):
        (HERE / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n")
    print("pinned; say what changed, and by how much, under 'Output changed' in CHANGELOG.md")


if __name__ == "__main__":
    main()
