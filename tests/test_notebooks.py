"""Notebooks import and never define, carry no output, and run top to bottom on a run of the demo."""

from __future__ import annotations

import ast
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NAMES = (
    "1_look_at_documents",
    "2_look_at_drops",
    "3_choose_thresholds",
    "4_look_at_duplicates",
    "5_look_at_the_mixture",
)


def read(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    return data


def code(name: str) -> list[str]:
    return ["".join(cell["source"]) for cell in read(name)["cells"] if cell["cell_type"] == "code"]


def test_the_notebooks_are_those_of_the_design() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_imports_and_never_defines(name: str) -> None:
    for source in code(name):
        defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While)
        found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, defined)]
        assert not found, source
        assert len(source.splitlines()) <= 6, f"too long to read at a glance:\n{source}"


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_stored_without_output(name: str) -> None:
    cells = read(name)["cells"]
    assert cells[0]["cell_type"] == "markdown"
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in cells)


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
# Jupyter's client and kernel warn of their own event loops and sockets; nothing there is ours to mend.
@pytest.mark.filterwarnings("ignore")
def test_a_notebook_runs_top_to_bottom(
    name: str, demo_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbclient = pytest.importorskip("nbclient", reason="needs the notebooks extra")
    import nbformat

    monkeypatch.setenv("CURATION_RUN", str(demo_run))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    if not (demo_run / "train" / "metrics.jsonl").exists():
        monkeypatch.setenv("CURATION_TRAIN", str(write_metrics(tmp_path)))
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    patient = {"timeout": 600, "startup_timeout": 600}  # seconds, for a cell that never ends
    client = nbclient.NotebookClient(notebook, **patient, resources={"metadata": {"path": str(FOLDER)}})
    # Over files: of ports Jupyter looks for free ones and lets the kernel take them a second later, when
    # another test may have them. In a folder of a short name, as sockets must be.
    with tempfile.TemporaryDirectory() as sockets:
        client.create_kernel_manager().transport = "ipc"
        client.km.ip = f"{sockets}/kernel"
        client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("text/html" in output.get("data", {}) for output in outputs)
    assert not [output for output in outputs if output.get("name") == "stderr"]


def write_metrics(folder: Path) -> Path:
    """A training run's metrics, where the run of the demo was not trained on."""
    lines = [{"step": n, "loss": 8 - n / 10, "phase": "broad" if n < 10 else "anneal"} for n in range(20)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text, encoding="utf-8")
    return folder
