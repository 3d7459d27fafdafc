"""An executor that writes tables and shards needs the core packages alone: no torch, no cloud SDKs, 1.0 GB in all."""

from __future__ import annotations

import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

#: What is never needed to run the stages of a recipe, and weighs much.
HEAVY = "torch", "torchvision", "transformers", "streaming", "scipy", "sklearn", "matplotlib", "oci", "boto3"
BLOCKED = f"""
import sys
for name in {HEAVY!r}:
    sys.modules[name] = None  # so that an import of it fails
"""


def test_the_core_requires_nothing_heavy(root: Path) -> None:
    setup = ConfigParser()
    setup.read(root / "setup.cfg")
    required = setup["options"]["install_requires"].lower()
    assert "pyspark" in required
    heavy = ("torch", "transformers", "streaming", "scipy", "scikit", "matplotlib", "oci", "azure", "google")
    assert not [name for name in heavy if name in required]


@pytest.mark.slow
def test_every_module_loads_and_a_shard_is_written_without_heavy_packages(root: Path, tmp_path: Path) -> None:
    files = sorted((root / "curation").rglob("*.py"))
    names = [".".join(path.relative_to(root).with_suffix("").parts) for path in files]
    modules = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    code = (
        f"{BLOCKED}import {', '.join(modules)}, numpy\n"
        f"print(curation.shards.mds.write_shard({str(tmp_path)!r}, 0, numpy.ones((3, 4), numpy.uint16)).rows)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert (done.stdout, done.stderr) == ("3\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["shard.00000.mds"]


def test_an_unknown_option_shows_the_usage_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    from curation.cli import main

    with pytest.raises(SystemExit) as exit_:
        main(["why", "DIR", "PAGE", "--jsno"])
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: curate why [-h] [--json] DIR ID_OR_URL\n")
    assert error.endswith("curate why: error: unrecognized arguments: --jsno\n")


def test_a_curve_without_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from curation.look.render.charts import MissingMatplotlib, curve

    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingMatplotlib) as caught:
        curve([1.0, 2.0], [3.0, 2.0], ["a", "a"], "loss")
    assert str(caught.value) == (
        "matplotlib draws the curves and is not installed: pip install 'spark-curation[charts]'"
    )
