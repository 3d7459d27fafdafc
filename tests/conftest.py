"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import fcntl
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

# The same examples on every run and no limit by the clock: a commit passes or it does not. `make test-search`
# looks for new ones.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", max_examples=3000, deadline=None)
settings.load_profile("same")

_constants_of_this_process = providers._get_local_constants


def _constants() -> Constants:
    """Return the constants in our code, of which examples are made too; under `same`, none.

    Those are of the modules that this process has imported by now: which tests ran before would decide which
    examples there are, and so would any line that changes anywhere.
    """
    same = settings.get_current_profile_name() == "same"
    return Constants() if same else _constants_of_this_process()


providers._get_local_constants = _constants


ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"

# Over a few rows, Spark's time is that of getting ready. Each sort and hash table of a task takes a page, 64 MiB
# unless told otherwise, which kept the garbage collector busy; what Spark compiles for a query is used once.
# Through all stages of the small recipe: 83 s of processor time without these, 62 s with them; a second time 27 and 21.
SPARK_SETTINGS = {
    "spark.buffer.pageSize": "1m",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
JVM_OPTIONS = "-XX:ParallelGCThreads=1 -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
#: The workers of a session in this process; those of spark-submit start as they do on a cluster.
WARM_WORKERS = {"spark.python.daemon.module": "warm_daemon"}


def conf(settings: Mapping[str, str]) -> list[str]:
    """Return settings as the arguments of spark-submit."""
    return [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]


os.environ.setdefault(
    "PYSPARK_SUBMIT_ARGS", " ".join([*conf(SPARK_SETTINGS | WARM_WORKERS), "pyspark-shell"])
)
os.environ.setdefault("SPARK_SUBMIT_OPTS", JVM_OPTIONS)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests of another process are on the other core
os.environ.pop("COLUMNS", None)  # readline gives it to the processes of xdist; answers would wrap there alone


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with tests on Spark first, then files with slow tests: processes end together that have short ones left."""
    marked = {
        mark: {item.path for item in items if item.get_closest_marker(mark)} for mark in ("spark", "slow")
    }
    items.sort(key=lambda item: (item.path not in marked["spark"], item.path not in marked["slow"]))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def streaming() -> ModuleType:
    """mosaicml-streaming, whose StreamingDatasets take numbers of this process for their shared memory.

    The library takes the first number that it finds free on the host, and fails where the tests of another
    process find the same one free at the same moment.
    """
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from reference_reader import import_streaming

    module = import_streaming()
    from streaming.base.shared import prefix

    prefix._each_prefix_int = lambda: itertools.count(1000 * os.getpid())
    return module


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pages and corpora beside the checkout; its tests are skipped where it is absent."""
    if not (SHARED / "data" / "README.md").exists():
        pytest.skip("needs ../shared (real pages and corpora), which is not here")
    return SHARED


@pytest.fixture
def hours_are_a_fault() -> Iterator[None]:
    """For inputs over which a quadratic step would take hours: after minutes the test fails."""

    def give_up(number: int, frame: object) -> None:
        raise AssertionError("still not done after three minutes, over what should take a second")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(180)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def spark() -> Iterator[object]:
    """One small Spark session for all tests of a process."""
    from curation.spark.session import start

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with pytest.MonkeyPatch.context() as patch:  # of the JVM, and of its workers
        patch.setenv("PYTHONPATH", str(ROOT / "tests" / "spark"), prepend=os.pathsep)
        session = start("tests", "local[2,4]")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def demo_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's input, written once for all processes that share the tests of one run."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with (folder / "demo-pages.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "demo-pages").exists():
            command = [sys.executable, "jobs/demo/pages.py", "--out", str(folder / "unfinished")]
            environment = {**os.environ, "PYTHONHASHSEED": "1"}
            subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
            (folder / "unfinished").rename(folder / "demo-pages")
    return folder / "demo-pages"


@pytest.fixture(scope="session")
def demo_run(spark: object, demo_pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's recipe, run on some of the demo's pages: what notebooks are tried on."""
    from curation.recipe.recipe import read_recipe
    from curation.spark.run import Run
    from curation.spark.store import Store

    out = tmp_path_factory.mktemp("demo")
    settings = [f"inputs.{name}.path={demo_pages}/{name}.warc.gz" for name in ("web", "docs")]
    settings += ["inputs.web.sample=0.5", "inputs.docs.sample=0.1", "shard.tokenizer.train.vocab=1024"]
    recipe = read_recipe(str(ROOT / "curation/recipe/starters/demo.yaml"), settings)
    Run(recipe, Store(str(out)), say=lambda line: None).run()
    return out
