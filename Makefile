# Needs a POSIX shell, Python 3.11 or 3.12 with venv, and make. `make help` says what there is.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PYTHONS ?= python3.11 python3.12 python3
REFERENCE := docs/reference
# More words for pytest, `tocsin up` and the like: make test ARGS="-k due -x"
ARGS ?=
# Tests wait more than they work; one worker: make test WORKERS=0
WORKERS ?= 3

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install run demo test check format chaos stack drill bench eval docs dashboards screenshots lock up down clean

help: ## say what there is
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## create the environment from the lock; leaves .venv/bin/tocsin

run: install ## run the whole system on real feeds; Ctrl-C ends it
	@$(BIN)/tocsin up $(ARGS)

demo: install ## show the whole system on invented news, offline, within a minute
	@$(BIN)/tocsin demo $(ARGS)

test: install ## run every test, on a Redis of their own
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: install ## lint, format, types, the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: install ## put the code into its form
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

chaos: install ## kill services and Redis, at random and by receivers; feed the poller what means harm; cut followers off; count what was lost
	@$(BIN)/python tests/acceptance/chaos.py $(ARGS)
	@$(BIN)/python tests/acceptance/pollers.py $(ARGS)
	@$(BIN)/python -m tests.acceptance.hostile
	@$(BIN)/python -m tests.acceptance.killing
	@$(BIN)/python -m tests.acceptance.rotating
	@$(BIN)/python -m tests.acceptance.streaming

stack: install ## bring the containers up on the demo, and let each of them die twice; needs Docker
	@$(BIN)/python -m tests.acceptance.stack --compose "$(COMPOSE)" $(ARGS)

drill: install ## ring every alert of the running system, and ask every query of boards and rules; needs prometheus
	@$(BIN)/python -m tests.acceptance.watching $(ARGS)

bench: $(VENV)/.bench ## measure beside peers, each a ratio in one run
	@$(BIN)/python -m benchmarks.run $(ARGS)

eval: install ## measure on labelled files: TOPIC_ITEMS=a.jsonl STORY_ITEMS=b.jsonl CLAIM_ITEMS=c.jsonl; false alarms: NEWS=DIR
	@test -n "$(TOPIC_ITEMS)$(STORY_ITEMS)$(CLAIM_ITEMS)$(NEWS)" || { \
	  echo "make eval needs labelled files: make eval CLAIM_ITEMS=tests/data/claims-dev.jsonl" >&2; exit 2; }
	@test -z "$(TOPIC_ITEMS)" || $(BIN)/tocsin topics eval "$(TOPIC_ITEMS)"
	@test -z "$(STORY_ITEMS)" || $(BIN)/python -m benchmarks.story_quality "$(STORY_ITEMS)"
	@test -z "$(CLAIM_ITEMS)" || $(BIN)/python -m benchmarks.claims_quality "$(CLAIM_ITEMS)" --misses
	@test -z "$(NEWS)" || $(BIN)/python -m tests.acceptance.false_alarms $(NEWS)

docs: install ## write the generated reference pages anew
	@set -e; for page in settings:shared.settings keys:shared.keys metrics:shared.metrics cli:services.cli.reference \
	  api:services.gateway.reference; do \
	  file=$(REFERENCE)/$${page%%:*}.md; \
	  $(BIN)/python -m "$${page#*:}" > "$$file.new"; \
	  mv "$$file.new" "$$file"; \
	done
	@$(BIN)/python -m shared.config.schema $(REFERENCE)/schemas

dashboards: install ## write Grafana's boards anew from their code
	@$(BIN)/python -m deploy.grafana.build

screenshots: install ## take pictures of the board from the running demo; needs Chromium, and fonts for every script
	@$(BIN)/python -m tests.browser.screenshots docs/images

UV_COMPILE = uv pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock"

lock: ## pin every dependency with its hashes; needs uv; ARGS=--upgrade for newer ones
	@command -v uv > /dev/null || { echo "make lock needs uv on the PATH: https://docs.astral.sh/uv/" >&2; exit 1; }
	$(UV_COMPILE) $(ARGS) --output-file requirements/runtime.txt
	$(UV_COMPILE) $(ARGS) --extra build --extra dev --output-file requirements/dev.txt
	$(UV_COMPILE) $(ARGS) --extra build --extra dev --extra bench --output-file requirements/bench.txt

# `docker compose` is version 2, `docker-compose` version 1, which cannot wait until all is well.
COMPOSE ?= $(or $(shell docker compose version > /dev/null 2>&1 && echo docker compose), \
	$(shell command -v docker-compose 2> /dev/null), \
	$(error neither `docker compose` nor `docker-compose` is installed))

ADDRESS = ! address=$$($(COMPOSE) port $(2) $(3) 2> /dev/null) || printf '  %-12s http://%s\n' $(1) "$$address"

up: ## bring the containers up, with Prometheus and Grafana
	@$(COMPOSE) up --build -d $$($(COMPOSE) up --help | grep -o -m 1 -- '--wait ') $(ARGS)
	@echo
	@$(call ADDRESS,Board,gateway,8080)
	@$(call ADDRESS,Prometheus,prometheus,9090)
	@$(call ADDRESS,Grafana,grafana,3000)

down: ## take the containers down; what they stored stays
	@$(COMPOSE) down $(ARGS)

clean: ## remove the environment and all caches; ./data stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	@find services shared tests benchmarks deploy -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment that works is kept; a broken or half-made one is made anew.
$(VENV)/.installed: requirements/dev.txt pyproject.toml
	@set -e; \
	if ! $(PIP) --version > /dev/null 2>&1 || ! $(BIN)/python -c '$(SUITS)' 2> /dev/null; then \
	  python=$$($(FIND_PYTHON)); \
	  echo "creating $(VENV) with $$python"; \
	  "$$python" -m venv --clear $(VENV); \
	fi; \
	echo "installing what requirements/dev.txt pins"; \
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt; \
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .; \
	touch $@

$(VENV)/.bench: $(VENV)/.installed requirements/bench.txt
	@echo "installing what requirements/bench.txt pins"
	@$(PIP) install --quiet --require-hashes -r requirements/bench.txt
	@touch $@

SUITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))

# Debian splits venv off: `import venv` works there, `import ensurepip` does not.
FIND_PYTHON = bare=; for python in $(PYTHONS); do \
	"$$python" -c '$(SUITS)' > /dev/null 2>&1 || continue; \
	if "$$python" -c 'import ensurepip, venv' > /dev/null 2>&1; then echo "$$python"; exit 0; fi; \
	bare="$$bare $$python"; \
	done; \
	if [ -n "$$bare" ]; then \
	  echo "found$$bare, but without venv; on Debian or Ubuntu: apt install python3-venv" >&2; \
	else \
	  echo "Python 3.11 or 3.12 is needed; none of these is one: $(PYTHONS)" >&2; \
	fi; \
	exit 1
