# The commands of the house. Each one installs what it needs into .venv first.
PYTHON ?= python3
PORT ?= 8000
SHOP_PORT ?= 8080
BIN := .venv/bin

# Without it every start of the service compiles all of it anew, in the tests a hundred times.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test soak fuzz lint audit lock sbom bench build pictures clean

demo: .venv/installed
	$(BIN)/consent demo --port $(PORT) --shop-port $(SHOP_PORT)

test: .venv/installed-test
	$(BIN)/python -m tests.browser_setup
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

soak: .venv/installed-test
	$(BIN)/python -m tests.browser_setup
	$(BIN)/pytest --numprocesses 2 --dist worksteal -m soak
	$(BIN)/python -m tests.e2e.model --minutes 10
	$(BIN)/python -m tests.bench_soak --minutes 10

# Hunts in each parser of tests/outside.py for so long.
FUZZ_SECONDS ?= 60
fuzz: .venv/installed-fuzz
	set -e; $(BIN)/python -c 'from tests.outside import PARSERS; print(*PARSERS, sep="\n")' | while read -r name; \
		do echo "$$name"; $(BIN)/python -m tests.hunt $(FUZZ_SECONDS) "$$name"; done

lint: .venv/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive consent
	$(BIN)/consent check

# Asks PyPI for the advisories that are known of what the image holds: needs the network.
audit: .venv/installed-audit
	$(BIN)/pip-audit --strict --disable-pip --requirement consent/operate/requirements.lock
	$(BIN)/pip-audit --strict --disable-pip --requirement consent/operate/build.lock

# Pins what the image is made of, by hash.
LOCK := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --only-binary :all: --no-annotate --no-emit-index-url \
	--python-version 3.13 --python-platform linux --custom-compile-command 'make lock'
lock: .venv/installed-audit
	$(LOCK) --output-file consent/operate/requirements.lock pyproject.toml
	$(LOCK) --output-file consent/operate/build.lock --group image

# The components of the image as CycloneDX; the image has it as /usr/share/pixelgate/sbom.json.
sbom: .venv/installed-audit
	mkdir -p build
	$(BIN)/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml \
		--output-file build/sbom.json consent/operate/requirements.lock

bench: .venv/installed-test
	$(BIN)/python -m tests.browser_setup
	$(BIN)/python -m tests.bench --write

build: .venv/installed-test
	$(BIN)/python consent/browser/build.py

# Those of the README, of a new demo.
pictures: .venv/installed-test
	$(BIN)/python -m tests.browser_setup
	$(BIN)/python -m tests.pictures

clean:
	rm -rf .venv consent/browser/dist build dist

SOURCES := pyproject.toml consent/browser/build.py $(wildcard consent/browser/src/* snippets/*/pixel.js)

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/installed: .venv/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-test: .venv/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ .venv/installed

.venv/installed-lint: .venv/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --editable '.[test,lint]'
	touch $@ .venv/installed .venv/installed-test

.venv/installed-audit: .venv/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --editable '.[audit]'
	touch $@ .venv/installed

.venv/installed-fuzz: .venv/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --editable '.[test,fuzz]'
	touch $@ .venv/installed .venv/installed-test
