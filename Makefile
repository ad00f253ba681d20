# `make help` lists the targets. Each does the set-up first, if it was not done or the lock has changed.

# Not /bin/sh: where that is the shell, macOS's make starts simple commands without it and overlooks the PATH below.
SHELL := /bin/bash
READY := .venv/ready
# The environment's programs first, and this checkout's code, also where nothing is activated.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONPATH := src
export DVC_NO_ANALYTICS := true
export MLFLOW_DISABLE_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help setup repro demo report sweep prune test coverage ui serve lint lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /make \1|/p' Makefile | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'

repro: $(READY)  ## run what changed, publish to MLflow, print the table; VARIANTS="tanh_sgd relu_adam" narrows it
	@python -m lenet.commands.repro $(VARIANTS)

demo: $(READY)  ## the same pipeline on the bundled digits, apart from the checkout: minutes, no network
	@python -m lenet.commands.demo

report: $(READY)  ## make tables, charts, page and README anew from the committed results: seconds, no data needed
	@python -m lenet.commands.report

sweep: $(READY)  ## train the recipes of sweeps/NAME/sweep.yaml and compare them on validation digits; FROM=tanh_sgd starts one
	@python -m lenet.commands.sweep "$(NAME)" $(FROM)

prune: $(READY)  ## say how large the run store is, and remove the runs that nothing in the workspace names
	@python -m lenet.commands.prune

test: $(READY)  ## run the whole test suite; ARGS='-m "not slow"' for the fast part
	@python -m pytest $(ARGS)

coverage: $(READY)  ## run the fast tests and print which lines they leave out
	@python -m pytest -q -m "not slow" --cov=lenet --cov-report=term:skip-covered

ui: $(READY)  ## publish what the MLflow store lacks and open its UI on 127.0.0.1
	@python -m lenet.commands.ui

serve: $(READY)  ## let the best model answer posted digits on 127.0.0.1
	@python -m lenet.commands.serve

setup: $(READY)  ## create or update .venv from requirements.lock

lint: $(READY)  ## check code and layout with ruff, and types with mypy
	@ruff check . && ruff format --check . && mypy

lock: $(READY)  ## write requirements.lock anew from pyproject.toml (needs uv)
	@UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev \
	    --generate-hashes --no-annotate --no-emit-index-url --output-file requirements.lock pyproject.toml

clean:  ## remove what can be made again: environment, demo, caches of tools; never data, models or the store
	@rm -rf .venv .demo .arm64 .pytest_cache .ruff_cache .mypy_cache .coverage build src/*.egg-info && find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml setup.sh
	@./setup.sh
