# Roadworthy. `make help` lists what can be done; each target makes the environments it needs.
SHELL := /bin/bash
PYTHON ?= python3.11
DEV := .venvs/dev/bin/python
# Two suites' files at a time; numeric libraries that each take all cores would only stand in each other's way.
WORKERS ?= 2
test: export OMP_NUM_THREADS = 1
TEST = tests/run.py -q -n $(WORKERS) --dist loadfile --durations=5

.DEFAULT_GOAL := help
.PHONY: help demo test lint goldens bench lock clean spotless environments tools FORCE

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: .venvs/dev .venvs/analysis .venvs/torch .venvs/detector ## both stories on this machine: a classifier attacked, a detector explained
	@$(DEV) -m pipelines run traffic_signs $(ARGS)
	@$(DEV) -m pipelines run detection

test: environments tools ## all tests, each image's stages in that image's environment
	$(DEV) $(TEST) tests/pipelines tests/house
	.venvs/kubernetes/bin/python $(TEST) tests/kubernetes
	.venvs/analysis/bin/python $(TEST) tests/artifacts tests/images tests/signs tests/data tests/scenes tests/package tests/storage tests/capture tests/report tests/monitor tests/clarify
	.venvs/torch/bin/python $(TEST) tests/data/test_torchvision.py tests/fine_tune tests/serve tests/adversarial tests/fullgrad tests/tensors tests/report/test_explanations.py tests/clarify/test_packages.py
	.venvs/detector/bin/python $(TEST) tests/detector tests/report/test_detection_formats.py
	.venvs/detector/bin/python $(TEST) -m 'not slow' tests/clarify

lint: .venvs/dev ## ruff (rules and format), mypy --strict on components/ and pipelines/
	.venvs/dev/bin/ruff check .
	.venvs/dev/bin/ruff format --check .
	.venvs/dev/bin/mypy

goldens: .venvs/dev .venvs/analysis ## compile every pipeline into manifests/pipelines/, and the picture of the README (tests only compare)
	$(DEV) -m pipelines compile --target all
	.venvs/analysis/bin/python -m components.data.signs --sheet components/data/signs/contact_sheet.png --side 104 --columns 11

bench: environments .venvs/bench-fullgrad .venvs/bench-shapley ## measure the server beside others, capture's cost, FullGrad's speed, Shapley values' errors
	.venvs/torch/bin/python tests/bench/run.py
	.venvs/bench-fullgrad/bin/python tests/bench/fullgrad_speed.py
	.venvs/bench-shapley/bin/python tests/bench/shapley_accuracy.py

lock: ## renew the lock files from requirements*.in (needs uv)
	bash images/lock.sh

environments: .venvs/dev .venvs/analysis .venvs/torch .venvs/detector .venvs/testing .venvs/kubernetes

.venvs/%: FORCE
	@$(PYTHON) images/environment.py $* $@

tools: ## an S3 server for the tests: versitygw where there is go, else moto's
	@$(PYTHON) tests/tools.py

clean: ## remove what runs and tests have made
	rm -rf runs .cache build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venvs/*' -prune -exec rm -rf {} +

spotless: clean ## also remove the environments
	rm -rf .venvs
