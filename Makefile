# The commands of the house. Each one installs what it needs into .venv first.
PYTHON ?= python3
PORT ?= 8000
SHOP_PORT ?= 8080
BIN := .venv/bin

.PHONY: demo test soak lint bench build clean

demo: .venv/installed
	$(BIN)/consent demo --port $(PORT) --shop-port $(SHOP_PORT)

test: .venv/installed-test
	$(BIN)/python -m tests.browser_setup
	$(BIN)/pytest --numprocesses 2 --dist loadfile

soak: .venv/installed-test
	$(BIN)/python -m tests.browser_setup
	$(BIN)/pytest --numprocesses 2 --dist worksteal -m soak
	$(BIN)/python -m tests.e2e.model --minutes 10

lint: .venv/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/consent check

bench: .venv/installed-test
	$(BIN)/python -m tests.browser_setup
	$(BIN)/python -m tests.bench

build: .venv/installed-test
	$(BIN)/python consent/browser/build.py

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
