# `make help` lists the targets. Most do the set-up first, if it is missing or the lock has changed.

# With /bin/sh, macOS's make would start simple commands without a shell and ignore the PATH below.
SHELL := /bin/bash
READY := .venv/ready
# Use .venv's programs and this checkout's code, even if no environment is activated.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONPATH := src
unexport PYTHONHOME
export DVC_NO_ANALYTICS := true
export MLFLOW_DISABLE_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help setup repro demo report verify sweep prune test test-all coverage bench ui serve lint lock clean

help:  ## list the targets
	@awk -F': .*## |: *## ' '/^##@/ { print "\n" substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile
	@printf '\nVariables\n  MNIST_MIRROR            folder or URL with the files of MNIST, tried before the public mirrors\n'
	@printf '  MLFLOW_TRACKING_URI     an MLflow server to use instead of mlflow.db\n  DASK_SCHEDULER_ADDRESS  a Dask cluster that trains instead of this machine\n  PORT                    the port of ui and serve\n'

##@ The study
repro: $(READY)  ## run what changed, publish to MLflow, print the table; VARIANTS="tanh_sgd relu_adam" runs only these
	@python -m lenet.commands.repro $(VARIANTS)

demo: $(READY)  ## run the same pipeline on bundled digits in a folder of its own: a minute or two, no network
	@python -m lenet.commands.demo $(VARIANTS)

report: $(READY)  ## rebuild tables, charts, page and README from the committed results: seconds, no data needed
	@python -m lenet.commands.report

verify: $(READY)  ## train a few runs again in a clone, compare every bit: five minutes; VARIANTS=all SEEDS=all for all
	@python -m lenet.commands.verify "$(VARIANTS)" "$(SEEDS)"

sweep: $(READY)  ## train and compare the recipes of sweeps/NAME/sweep.yaml; FROM=tanh_sgd writes a new sweep.yaml
	@python -m lenet.commands.sweep "$(NAME)" $(FROM)

prune: $(READY)  ## print the size of the run store, .runs/, and remove runs that settings and results do not use
	@python -m lenet.commands.prune

##@ Look at it
ui: $(READY)  ## publish new results to MLflow and start its UI on 127.0.0.1
	@python -m lenet.commands.ui

serve: $(READY)  ## serve the champion, the network with the lowest validation error, on 127.0.0.1
	@python -m lenet.commands.serve

##@ Work on it
test: $(READY)  ## run the fast tests and one real pipeline: a few minutes
	@python -m pytest -n 2 -m "not slow" $(ARGS)

test-all: test  ## run the fast tests and the slow ones: ten to fifteen minutes
	@python -m pytest -n 6 -m slow --reuse-pipeline $(ARGS)

coverage: $(READY)  ## run the fast tests and print the lines that they do not cover
	@python -m pytest -q -m "not slow" --cov=lenet --cov-report=term-missing:skip-covered

bench: $(READY) .bench/ready  ## time training beside Keras and PyTorch: two hours on an idle machine; ARGS="--rounds 3"
	@python -m benchmarks.bench $(ARGS)

setup: $(READY)  ## create or update .venv from requirements.lock

lint: $(READY)  ## check code and layout with ruff, and types with mypy
	@ruff check . && ruff format --check . && mypy

lock: $(READY)  ## write requirements.lock again from pyproject.toml, with the newest versions (needs uv)
	@UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --upgrade --universal --fork-strategy fewest --python-version 3.11 --extra dev \
	    --generate-hashes --no-annotate --no-emit-index-url --output-file requirements.lock pyproject.toml

clean:  ## remove environments, demo and caches of tools; never data, models or the run store
	@rm -rf .venv .bench .demo .pytest_cache .ruff_cache .mypy_cache .coverage build src/*.egg-info && find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

.bench/ready: benchmarks/requirements.txt
	@python -m venv .bench && .bench/bin/python -m pip install --quiet --requirement $< && touch $@

$(READY): requirements.lock pyproject.toml setup.sh
	@./setup.sh
