"""Rules about the code itself: who imports whom, what an import may load, how large things may grow."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("curation", "training", "jobs")
FILES = sorted(p for name in PACKAGES for p in (ROOT / name).rglob("*.py"))

#: The packages of curation from the highest to the lowest: each may import what is further down, no other of its line.
LAYERS = (
    ("cli",),
    ("spark", "look"),
    ("recipe",),
    ("filters", "quality", "contamination", "extract", "dedup", "shards"),
    ("signals",),
    ("pages",),
    ("accounting",),
    ("text", "files"),
    ("document",),
)
#: What of these each package does import (itself is understood).
MAY_IMPORT = {
    "document": set[str](),
    "files": set[str](),
    "text": set[str](),
    "accounting": {"document", "files"},
    "pages": {"accounting", "document", "files", "text"},
    "extract": {"accounting", "document", "files", "pages", "signals", "text"},
    "signals": {"files", "text"},
    "filters": {"document", "signals", "text"},
    "quality": {"files", "signals", "text"},
    "contamination": {"files", "text"},
    "dedup": {"document", "text"},
    "shards": {"accounting", "document", "files"},
    "recipe": {
        *("accounting", "contamination", "dedup", "extract", "filters", "pages", "quality", "shards"),
        *("files", "signals", "text"),
    },
    "look": {
        *("accounting", "document", "extract", "files", "filters", "pages", "quality", "recipe", "shards"),
        "text",
    },
    "spark": {
        *(
            "accounting",
            "contamination",
            "dedup",
            "document",
            "extract",
            "files",
            "filters",
            "pages",
            "quality",
        ),
        *("recipe", "shards", "text"),
    },
    "cli": {"accounting", "files", "look", "pages", "quality", "recipe", "shards", "spark"},
}
#: What training may import of curation.
TRAINING_MAY_IMPORT = (
    "curation.accounting.",
    "curation.files.",
    "curation.look.render.",
    "curation.recipe.config.",
    "curation.shards.chat_template.",
)


def imports(path: Path) -> set[str]:
    """Every module a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide who imports whom"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_who_imports_whom(path: Path) -> None:
    name, found, top = name_of(path), imports(path), roots(path)
    if not name.startswith("curation/spark/"):
        assert "pyspark" not in top, "only curation/spark may import pyspark"
    assert "streaming" not in top, "mosaicml-streaming is for tests and benchmarks alone"
    if name.startswith("curation/"):
        assert "torch" not in top, "a stage that needs a model gets it injected"
        assert not top & {"jobs", "notebooks", "training"}
    if name.startswith("training/"):
        own = {module for module in found if module.startswith("curation.")}
        assert all(f"{module}.".startswith(TRAINING_MAY_IMPORT) for module in own), own
        assert not top & {"jobs", "notebooks"}


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_inside_curation_imports_go_downward(package: str) -> None:
    single = ROOT / "curation" / f"{package}.py"
    files = [single] if single.exists() else sorted((ROOT / "curation" / package).rglob("*.py"))
    assert files
    for path in files:
        used = {each.split(".")[1] for each in imports(path) if each.startswith("curation.")}
        assert used - {package, "__version__"} <= MAY_IMPORT[package], name_of(path)


def test_every_package_has_its_layer_and_imports_what_is_below() -> None:
    layer = {package: i for i, packages in enumerate(LAYERS) for package in packages}
    curation = ROOT / "curation"
    packages = {path.stem for path in curation.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert packages - {"__init__", "__pycache__"} == set(layer) == set(MAY_IMPORT)
    upward = {
        (name, other) for name, used in MAY_IMPORT.items() for other in used if layer[other] <= layer[name]
    }
    assert not upward


def test_no_module_imports_itself_by_way_of_others() -> None:
    """No circles, not even by imports inside functions."""
    modules = {name_of(p)[:-3].replace("/", ".").removesuffix(".__init__"): p for p in FILES}
    graph = {name: imports(path) & modules.keys() - {name} for name, path in modules.items()}
    while outside := {n for n, used in graph.items() if not used} | (
        graph.keys() - set().union(*graph.values())
    ):
        graph = {name: used - outside for name, used in graph.items() if name not in outside}
    assert not graph, "each of these imports another of them"


def test_importing_curation_is_light() -> None:
    heavy = "pyspark", "torch", "streaming", "fasttext", "matplotlib"
    modules = [
        name_of(p)[:-3].replace("/", ".").removesuffix(".__init__")
        for p in FILES
        if name_of(p).startswith("curation/") and "/spark/" not in name_of(p)
    ]
    code = f"import {', '.join(modules)}, sys; print([m for m in {heavy!r} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout.strip() == "[]"


def test_what_the_trainer_draws_with_is_light() -> None:
    """A training run loads no table library and, until it draws, no Matplotlib."""
    modules = [f"curation.look.render.{name}" for name in ("charts", "inert", "visible")]
    heavy = "matplotlib", "pandas", "pyarrow", "jinja2", "rich"
    code = f"import {', '.join(modules)}, sys; print([m for m in {heavy!r} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout.strip() == "[]"


def test_no_job_is_called_like_a_standard_module() -> None:
    # spark-submit puts jobs/ first on the path: a jobs/tokenize.py would break other imports
    assert not {p.stem for p in (ROOT / "jobs").iterdir()} & set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 320, "a name is missing"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 55, f"{node.name} does not fit on a screen"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_exception_vanishes(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: a bare except"
            assert not all(isinstance(each, ast.Pass) for each in node.body), f"line {node.lineno}: vanishes"


#: Law 2: the numbers in signals and filters that are no thresholds of a recipe, and why they are in the code.
NUMBERS = {
    "signals/blocklist.py _LONGEST_PATH _MAX_PREFIXES": "cost of a lookup",
    "signals/blocklist.py _SHOWN": "length of a warning",
    "signals/blocklist.py _PER_BUCKET_BITS _LAYOUT": "format of a compiled list",
    "signals/comments.py _NAME_CHARACTERS _LONGEST_ENDING": "length of a file's name",
    "signals/lines.py _LONGEST_CACHED _MOST_CACHED": "memory",
    "signals/periods.py _FACTOR": "a hash",
    "signals/repetition.py _BLOCK": "memory",
    "signals/models/likeness.py _MAX_PERPLEXITY": "largest number that every table can store",
    "signals/models/model_files.py _MAGIC _LABEL": "format of fastText models",
    "signals/models/model_files.py _BLOCK_BYTES": "memory",
    "signals/models/model_files.py _QUOTED_CHARACTERS": "length of an error message",
    "filters/pii/addresses.py 3": "dots in an IPv4 address",
    "filters/pii/addresses.py _LONGEST_LOCAL": "RFC 5321",
    "filters/pii/addresses.py _SCHEME_CHARACTERS": "reach of a pattern before an address",
    "filters/pii/digits.py _PART_CHARACTERS": "memory",
    "filters/pii/mask.py _HEAD": "reach of the patterns around a run of digits",
    "filters/pii/mask.py _MAX_ROUNDS": "ends a loop of placeholders that match each other",
    "filters/pii/numbering.py _CONTEXT_CHARACTERS": "reach of the patterns before a number",
    "filters/pii/numbering.py _MAX_FIRST _MAX_SUM _MAX_PACKAGE_SUM": "part of what a version is; error rate there",
    "filters/pii/phones.py _SHORTEST _LONGEST": "ITU-T E.164",
    "filters/pii/phones.py _CUE_CHARACTERS": "reach of the patterns around a number",
    "filters/pii/phones.py _MIN_DIGITS": "digits of the shortest local numbers",
    "filters/pii/scan.py 10": "decimal digits",
    "filters/pii/scan.py _LONGEST": "memory",
    "filters/pii/scan.py CONTEXT _MAX_GAP": "reach of the patterns between digits",
    "filters/pii/secrets.py _SHORTEST": "length of the shortest secret that a pattern matches",
}


def numbers_in(path: Path) -> set[str]:
    """Numeric constants that a module names, and numbers other than 0 and 1 that it compares with."""
    tree = ast.parse(path.read_text())
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    pairs = [
        pair
        for node in assigned
        for target in node.targets
        for pair in (
            zip(target.elts, node.value.elts, strict=True)
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
            else [(target, node.value)]
        )
    ]
    compared = [
        operand
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and not isinstance(node.ops[0], ast.Eq | ast.NotEq)
        for operand in (node.left, *node.comparators)
    ]
    literals = {ast.unparse(operand) for operand in compared if is_number(operand)}
    return {ast.unparse(target) for target, value in pairs if is_number(value)} | (
        literals - {"0", "1", "0.0", "1.0"}
    )


def is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return is_number(node.left) and is_number(node.right)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def test_code_holds_no_thresholds() -> None:
    """Law 2: bounds come from the recipe. A number in a signal or filter needs a reason in the table."""
    numbers = {
        f"{path.relative_to(ROOT / 'curation')} {number}"
        for package in ("signals", "filters")
        for path in (ROOT / "curation" / package).rglob("*.py")
        for number in numbers_in(path)
    }
    allowed = {f"{file} {name}" for file, *names in map(str.split, NUMBERS) for name in names}
    assert numbers == allowed


def test_folders_hold_few_modules() -> None:
    """A folder of more than fifteen modules is a heap: what belongs together wants a name."""
    folders = Counter(name_of(p.parent) for p in FILES if p.name != "__init__.py")
    assert not {name: count for name, count in folders.items() if count > 15}


def test_a_class_name_means_one_thing() -> None:
    """A name that two modules define makes readers ask which one is meant."""
    defined: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                defined.setdefault(node.name, []).append(name_of(path))
    assert not {name: modules for name, modules in defined.items() if len(modules) > 1}
