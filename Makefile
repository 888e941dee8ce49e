## make run      set up, collect demonstrations, train, evaluate, film; STAGE=0 starts from the home pose
## make test     lint, types and every test
## make peers    LeRobot, robomimic and the vendor's SDK, as they ship, on the twin's port and on what is exported
## make lint     lint and types
## make bench    simulation, learner and wire, each beside its bare limit
## make setup    .venv with every package pinned, and a check that pictures can be drawn
## make clean    remove .venv and caches; runs/ stays

PYTHON ?= python3
STAGE ?= 3
BIN := .venv/bin
DEBIAN := python3-venv libegl1 libgl1 libgl1-mesa-dri libglib2.0-0

.PHONY: help setup run test peers lint bench clean

help:
	@sed -n 's/^## //p' Makefile

setup: .venv/ready

run: .venv/ready
	@$(BIN)/twinarm demo --stage $(STAGE)

# What goes by the clock comes last and alone: a test beside it would take the time that it measures. What fails may
# try once more: a host that others share takes a processor away now and then, but not twice at the same place.
test: lint
	@command -v chromium >/dev/null || { $(call install_debian,chromium); }
	$(BIN)/pytest -q -n 2 -m 'not clock and not roomy'
	$(BIN)/pytest -q -m clock || $(BIN)/pytest -q -m clock --last-failed

# Beside what is installed already: LeRobot as a dependency would ask for another torch, and gigabytes of CUDA.
# LeRobot decodes videos with torchcodec, which brings no FFmpeg of its own.
peers: .venv/ready
	@command -v ffmpeg >/dev/null || { $(call install_debian,ffmpeg); }
	$(PYTHON) -m venv .peers
	$(BIN)/python -c 'import site; print(*site.getsitepackages())' > $$(echo .peers/lib/python3*/site-packages)/ours.pth
	.peers/bin/pip install --quiet --no-deps lerobot==0.4.4 feetech-servo-sdk==1.0.0 robomimic==0.3.0 torchcodec==0.13.0
	.peers/bin/pip install --quiet -r tests/peers/requirements.txt
	.peers/bin/python -m pytest -q tests/peers || .peers/bin/python -m pytest -q tests/peers --last-failed

lint: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: .venv/ready
	@$(BIN)/twinarm bench

clean:
	rm -rf .venv .peers build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './runs/*' -prune -exec rm -rf {} +

# torch goes first and by its bare version: the wheel that pip prefers here, CPU or CUDA, then satisfies the rest.
.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("twinarm needs Python 3.11, this is " + sys.version)'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { $(call install_debian,$(DEBIAN)); }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet -c constraints.txt -e '.[all,dev]'
	@$(BIN)/python -m sim.graphics 2>/dev/null || { $(call install_debian,$(DEBIAN)); $(BIN)/python -m sim.graphics; }
	@touch $@

define install_debian
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	apt-get update && apt-get install -y --no-install-recommends $(1) || exit 1; \
else \
	echo "twinarm needs system packages; on Debian: sudo apt-get install -y $(1)" >&2; exit 1; \
fi
endef
