# `make help` lists the verbs. The same ones run at home and in .ci/run.

VENV ?= .venv
BIN := $(VENV)/bin
LOCK := requirements/dev.txt
# Keras versions of users' Loghi installations: a test opens best_val in each
OLD_KERAS := 3.9.2 3.13.2
# packages that carry the schemas of PAGE and ALTO: tests hold rewritten pages against them
SCHEMAS := requirements/schemas.txt
# the small ones of CUDA's packages in the image's lock: a test opens their libraries as the trainer opens all of them
CUDA_LOCK := container/requirements-cuda.txt
# installed again when what is to be installed differs, whatever the files' dates say
STAMP := $(VENV)/.installed-$(shell cat $(LOCK) $(SCHEMAS) $(CUDA_LOCK) pyproject.toml | sha256sum | cut -c1-16)
# for `make image`, `make demo`: an image with Python 3.11 when the Dockerfile's default cannot be pulled
BASE_IMAGE ?=
VARIANT ?= cpu
# for `make kraken`: its virtual environment, and which PyTorch; both packages must be of one build
KRAKEN_VENV ?= .venv-kraken
TORCH ?= torch torchvision
# for `make test`: more of pytest's arguments, such as ARGS="-m 'not tf'"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-cuda test-kill soak-runs check map image kraken docs bench accuracy soak lock clean

help:
	@echo "make setup   the virtual environment $(VENV) with everything locked in $(LOCK)"
	@echo "make demo    fine-tune a small model on a sample in another hand (in a container when Docker is there)"
	@echo "make test    all tests this machine can run; says which it left out"
	@echo "make test-cuda  TensorFlow in the CUDA image finds a card, a stub where there is none (7 GB, minutes; BASE_IMAGE=...)"
	@echo "make test-kill  real runs killed in 50 ways, failing disks, other machines, a dying Docker daemon; an hour or more (ARGS=...)"
	@echo "make soak-runs  an hour of 100 short runs on made cards, killed and cancelled; nothing may be left (ARGS=...)"
	@echo "make check   linter, formatting, types, and whether the generated docs are up to date"
	@echo "make map     the packages in their layers, and the size of what they are made of"
	@echo "make image   the trainer's image (VARIANT=cuda, BASE_IMAGE=...)"
	@echo "make kraken  an environment with kraken 7, for the tests of the plug-in (several GB; TORCH=...)"
	@echo "make docs    write the generated pages of docs/ again"
	@echo "make bench   the benchmark (ARGS=...)"
	@echo "make accuracy  how well models read, with many lines and with few, beside Loghi HTR; hours, goes on where it was (ARGS=...)"
	@echo "make soak    20 runs at once on two stand-in cards; ten minutes of mixed requests and orders at a service (SOAK_MINUTES=10)"
	@echo "make lock    resolve the requirements files again"
	@echo "make clean   remove $(VENV) and what tools left behind"

setup: $(STAMP)
	@:

$(STAMP):
	@python=; for candidate in "$$PYTHON" python3.11 python3; do \
	    if [ -n "$$candidate" ] && "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	    then python=$$candidate; break; fi; done; \
	if [ -z "$$python" ]; then \
	    echo "setup: Python 3.11 or later with venv is needed (Debian: sudo apt install python3-venv)" >&2; exit 4; fi; \
	set -e; rm -f $(VENV)/.installed-*; \
	"$$python" -m venv $(VENV); \
	echo "setup: installing the packages of $(LOCK) into $(VENV)"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(LOCK); \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .; \
	for keras in $(OLD_KERAS); do \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	        --upgrade --target $(VENV)/keras-$$keras --requirement requirements/keras-$$keras.txt; done; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	    --upgrade --target $(VENV)/schemas --requirement $(SCHEMAS); \
	awk '/^[^ ]/ {small = /^nvidia-cuda-(runtime|cupti)-/} small' $(CUDA_LOCK) > $(VENV)/cuda-small.txt; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	    --upgrade --target $(VENV)/cuda-small --requirement $(VENV)/cuda-small.txt; \
	touch $@

demo: setup
	@kind=auto; \
	if ! $(BIN)/loghi-runner image build --if-missing $(if $(BASE_IMAGE),--base-image "$(BASE_IMAGE)"); then \
	    echo "demo: there is no container image (the reason is above), so the demo runs without a container" >&2; \
	    kind=local; \
	fi; \
	$(BIN)/loghi-runner finetune examples/sample/demo.yaml --set engine.kind=$$kind --set "output=$(CURDIR)/runs"

test: setup
	$(BIN)/python -m pytest $(ARGS)

test-cuda: setup
	$(BIN)/loghi-runner image build --variant cuda $(if $(BASE_IMAGE),--base-image "$(BASE_IMAGE)")
	LOGHI_RUNNER_TEST_CUDA=1 $(BIN)/python -m pytest tests/cuda $(ARGS)

test-kill: setup
	$(BIN)/python -m tests.kills $(ARGS)

soak-runs: setup
	$(BIN)/python -m tests.kills.soak $(ARGS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@set -e; for page in docs/generate_*.py; do \
	    [ -e "$$page" ] || continue; echo "$$page --check"; $(BIN)/python "$$page" --check; done

map: setup
	$(BIN)/python -m tests.code_map

image: setup
	$(BIN)/loghi-runner image build --variant $(VARIANT) $(if $(BASE_IMAGE),--base-image "$(BASE_IMAGE)")

kraken:
	"$${PYTHON:-python3.11}" -m venv $(KRAKEN_VENV)
	$(KRAKEN_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	    --constraint requirements/kraken.constraints $(TORCH) --editable ".[kraken]"

docs: setup
	@set -e; for page in docs/generate_*.py; do echo "$$page"; $(BIN)/python "$$page"; done

bench: setup
	$(BIN)/python -m benchmarks $(ARGS)

accuracy: setup
	$(BIN)/python -m benchmarks.accuracy $(ARGS)

soak: setup
	$(BIN)/python -m tests.card_load
	$(BIN)/python -m tests.attacks.soak

# No index host may be written into the files; the trainer's versions are the same here and in the image.
UV_COMPILE = $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header \
    --python-version 3.11 --python-platform linux $(ARGS)

lock: setup
	$(UV_COMPILE) pyproject.toml --extra cpu --extra serve --extra dev --output-file requirements/dev.txt
	$(UV_COMPILE) pyproject.toml --extra serve --constraints requirements/dev.txt --output-file requirements/host.txt
	$(UV_COMPILE) container/requirements-cpu.in --constraints requirements/dev.txt \
	    --output-file container/requirements-cpu.txt
	$(UV_COMPILE) container/requirements-cuda.in --constraints requirements/dev.txt \
	    --output-file container/requirements-cuda.txt

clean:
	rm -rf $(VENV) $(KRAKEN_VENV) build dist .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
