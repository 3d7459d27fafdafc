# Two commands on a fresh machine: `make demo` and `make test`. Both set everything up.
PYTHON ?= python3
BIN := .venv/bin
EXTRAS := charts,demo,extraction,notebooks,s3,semantic,streaming,test,training

.DEFAULT_GOAL := help
.PHONY: help setup java chromium lint types test test-long test-search test-fast fuzz demo golden dist clean bench

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: .venv/ready  ## make .venv with the pinned packages

.venv/ready: setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python 3.11 or newer is needed, $(PYTHON) is {v[0]}.{v[1]}; say make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

java:  # Spark needs Java 17 or newer
	@sh .ci/java

chromium:  # the tests that look at the report need a browser
	@sh .ci/chromium

lint: setup  ## ruff: style and mistakes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup  ## mypy --strict on curation/ and training/
	$(BIN)/mypy

test: setup java chromium lint types  ## everything, under 15 minutes on two cores
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not long"

test-long: setup java  ## what takes minutes alone: clusters killed while they write, stores that never answer
	$(BIN)/pytest -m long

test-search: setup  ## properties that take no JVM, tried on thousands of new examples each
	$(BIN)/pytest -n 2 -m "hypothesis and not spark and not slow and not long" --hypothesis-profile=search tests

test-fast: setup  ## what needs no JVM, under a minute
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not spark and not slow and not long"

fuzz: setup  ## every reader of foreign bytes, fed with spoiled files for ten minutes each; FUZZ="--minutes 1 warc" for less
	PYTHONPATH=. $(BIN)/python -m tests.fuzz.fuzz $(FUZZ)

demo: setup java  ## pages -> documents -> shards -> a falling loss -> build/demo/report.html
	$(BIN)/python jobs/demo/walkthrough.py build/demo

bench:  ## the benches; each is `make bench-NAME` and writes build/bench/NAME.json
	@ls benchmarks/bench_*.py | sed -E 's#.*/bench_(.*)\.py#make bench-\1#; s#_#-#g'

bench-%: setup java
	$(BIN)/python benchmarks/bench_$(subst -,_,$*).py

golden: setup java  ## pin the demo's digests anew (asks for a line in CHANGELOG.md)
	$(BIN)/python tests/golden/pin.py

dist: setup  ## build/dist/curation.zip, for spark-submit --py-files
	@mkdir -p build/dist
	@rm -f build/dist/curation.zip
	$(PYTHON) -m zipfile -c build/dist/curation.zip curation

clean:  ## remove what was built here (not .venv)
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
