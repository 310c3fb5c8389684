# Roadworthy. `make help` lists what can be done; each target makes the environments it needs.
SHELL := /bin/bash
PYTHON ?= python3.11
DEV := .venvs/dev/bin/python
# Files of a suite at a time: three keep two cores busy, for tests wait a quarter of their time. Numeric libraries that
# each take all cores would only stand in each other's way.
WORKERS ?= 3
SUITES = test-dev test-kubernetes test-analysis test-torch test-hostile test-detector
$(SUITES): export OMP_NUM_THREADS = 1
# Byte code is kept whatever the shell says, or each of a thousand starts would compile again what it imports.
export PYTHONDONTWRITEBYTECODE =
# How images are built, see images/README.md. Layers carry no time, so that equal contents are equal bytes.
ENGINE ?= podman
BASE ?= docker.io/library/python:3.11-slim-bookworm
VARIANT ?=
IMAGES ?= analysis detector torch
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REVISION ?= $(shell git describe --always --dirty --abbrev=40 2>/dev/null)
ENGINE_FLAGS ?=
BUILD_ARGS ?=
UNTIMED = $(if $(findstring podman,$(ENGINE)),--timestamp 0,--build-arg SOURCE_DATE_EPOCH=0)
TEST = tests/run.py -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=5

.DEFAULT_GOAL := help
.PHONY: help demo test $(SUITES) hostile kind-up cluster-test kind-down lint goldens bench images lock clean spotless environments tools FORCE

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: .venvs/dev .venvs/analysis .venvs/torch .venvs/detector ## both stories on this machine: a classifier attacked, a detector explained
	@$(DEV) -m pipelines run --unless-done traffic_signs $(ARGS)
	@$(DEV) -m pipelines run --unless-done detection

test: environments tools ## all tests, each image's stages in that image's environment
	@$(MAKE) --no-print-directory $(SUITES)

test-dev:
	$(DEV) $(TEST) tests/pipelines tests/house tests/hostile/test_runner_kills.py
test-kubernetes:
	.venvs/kubernetes/bin/python $(TEST) tests/kubernetes
test-analysis:
	.venvs/analysis/bin/python $(TEST) tests/artifacts tests/images tests/signs tests/data tests/scenes tests/package tests/storage tests/capture tests/report tests/monitor tests/clarify
test-torch:
	.venvs/torch/bin/python $(TEST) tests/data/test_torchvision.py tests/fine_tune tests/serve tests/adversarial tests/fullgrad tests/tensors tests/report/test_explanations.py tests/clarify/test_packages.py
test-hostile:
	.venvs/torch/bin/python $(TEST) -m 'not slow' tests/hostile --ignore=tests/hostile/test_runner_kills.py
# Clarify's slow tests need no MXNet: test-analysis has them.
test-detector:
	.venvs/detector/bin/python $(TEST) -k 'not (clarify and slow)' tests/detector tests/report/test_detection_formats.py tests/clarify

hostile: environments tools ## the long version of tests/hostile: every case, hundreds of kills, millions of fuzzer runs, soak (two hours)
	bash tests/hostile/long.sh

kind-up: ## a kind cluster with the images, Argo and manifests/overlays/kind on it: ENGINE=docker|podman (tests/cluster/README.md)
	@ENGINE=$(ENGINE) VERSION=$(VERSION) bash tests/cluster/kind.sh up

cluster-test: export KUBECONFIG := $(or $(KUBECONFIG),$(CURDIR)/build/kind/kubeconfig)
cluster-test: .venvs/dev .venvs/testing ## tests/cluster on the cluster of KUBECONFIG, kind's where it is not set: both stories, alarms, failures (half an hour)
	@kubectl get --raw=/readyz > /dev/null
	$(DEV) tests/run.py -q --durations=10 tests/cluster

kind-down: ## remove the cluster of kind-up
	@ENGINE=$(ENGINE) bash tests/cluster/kind.sh down

lint: .venvs/dev ## ruff (rules and format), mypy --strict on components/ and pipelines/
	.venvs/dev/bin/ruff check .
	.venvs/dev/bin/ruff format --check .
	.venvs/dev/bin/mypy

goldens: .venvs/dev .venvs/analysis ## compile every pipeline into manifests/pipelines/, an endpoint, and the picture of the README (tests only compare)
	$(DEV) -m pipelines compile --target all
	$(DEV) -m pipelines compile --target argo --profile g4dn --output manifests/components/gpu-g4dn/pipelines
	.venvs/analysis/bin/python -m components.serve manifests --name traffic-signs \
	  --archive s3://roadworthy/models/traffic-signs/model.tar.gz --digest sha256:$$(printf '%064d' 0) \
	  --replicas 2 --max-replicas 6 --capture-to s3://roadworthy/captured > manifests/base/serving/endpoint.yaml
	.venvs/analysis/bin/python -m components.data.signs --sheet components/data/signs/contact_sheet.png --side 104 --columns 11

bench: environments .venvs/bench-fullgrad .venvs/bench-shapley ## measure the compiler, the server beside others, capture's cost, FullGrad's speed, Shapley values' errors
	$(DEV) tests/bench/compile_speed.py
	.venvs/torch/bin/python tests/bench/run.py
	.venvs/bench-fullgrad/bin/python tests/bench/fullgrad_speed.py
	.venvs/bench-shapley/bin/python tests/bench/shapley_accuracy.py

images: $(IMAGES:%=build/sbom/%.json) ## build the three images and their SBOMs: ENGINE=podman|docker BASE=… VARIANT=cpu|gpu BUILD_ARGS=… (images/README.md)

build/sbom/%.json: FORCE
	@mkdir -p $(@D)
	$(ENGINE) build $(ENGINE_FLAGS) $(UNTIMED) --build-arg BASE=$(BASE) $(VARIANT:%=--build-arg VARIANT=%) \
	  --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) $(BUILD_ARGS) \
	  --file images/$*/Containerfile --tag roadworthy/$*:$(VERSION) .
	$(ENGINE) run --rm --network none --read-only roadworthy/$*:$(VERSION) cat /opt/roadworthy/sbom.json > $@.partial
	@mv $@.partial $@

lock: ## renew the lock files from requirements*.in (needs uv)
	bash images/lock.sh

environments: .venvs/uv # two at a time, the longest first
	@$(MAKE) --no-print-directory -j2 .venvs/torch .venvs/detector .venvs/analysis .venvs/dev .venvs/hostile .venvs/testing .venvs/kubernetes

.venvs/%: .venvs/uv FORCE
	@$(PYTHON) images/environment.py $* $@

.venvs/uv: FORCE # installs the others; where it cannot be had, pip does, in ten times the time
	-@$(PYTHON) images/environment.py uv $@

tools: ## an S3 server for the tests: versitygw where there is go, else moto's
	@$(PYTHON) tests/tools.py

clean: ## remove what runs and tests have made
	rm -rf runs .cache build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venvs/*' -prune -exec rm -rf {} +

spotless: clean ## also remove the environments
	rm -rf .venvs
