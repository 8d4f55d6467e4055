# One target for each thing a developer does; .ci/run calls these and nothing else.
# A fresh machine needs Python 3.11 or later (with venv) and make.

PYTHON ?= python3
PORT   ?= 8000
STORE  ?= sqlite:///var/demo.db
OUT    ?= bench-out
# The public tables of the learning benchmarks.
ML_DATA ?= ../shared/data
# Arguments for pytest, such as TESTS="tests/kg -k interval".
TESTS  ?=
# A Neo4j server that runs already, such as bolt://127.0.0.1:7687, instead of one started here. Tests empty it.
NEO4J_URI     ?=
# What to start otherwise; releases named after a year need Java 21.
NEO4J_VERSION ?= 5.26.12
# What `make soak` tests besides.
NEO4J_NEXT    ?= 2026.09.0

BIN      := .venv/bin
READY    := .venv/.ready
UV       := $(BIN)/uv
CHECKED  := $(foreach d,kg api loaders benchmarks examples tools tests,$(if $(wildcard $d/*.py $d/*/*.py),$d))
BENCHES  := $(filter-out benchmarks/bench_ml.py benchmarks/bench_neo4j.py benchmarks/bench_scaling.py,$(wildcard benchmarks/bench_*.py))
GRAPHIQL := web/graphiql/package.json web/graphiql/package-lock.json web/graphiql/build.mjs $(wildcard web/graphiql/src/*)
MAPS     := web/page/package.json web/page/package-lock.json web/page/build.mjs
CHROMIUM := chromium chromium-browser google-chrome
# Leaves node and npm on the PATH: PyPI has them for machines that have none, or one too old.
NODE     := if ! { command -v npm && node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)'; } >/dev/null 2>&1; then \
		echo "No Node.js 20 or later here: installing it into .venv"; \
		UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON_DOWNLOADS=never $(UV) sync --frozen --quiet --group node; \
		PATH="$$PWD/$(BIN):$$PATH"; export PATH; \
	fi

NEO4J := --neo4j --neo4j-version $(NEO4J_VERSION) $(if $(NEO4J_URI),--neo4j-url "$(NEO4J_URI)")

ifdef CI
STRICT := --require-backend
endif

.DELETE_ON_ERROR:
.PHONY: help setup browser demo test neo4j neo4j-stop test-neo4j lint format bench bench-ml bench-neo4j bench-scaling soak docs wheel clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: $(READY)/python $(READY)/graphiql $(READY)/maps ## make .venv and the browser assets; instant when nothing changed

# uv comes from PyPI into .venv at the version that pyproject.toml pins, and installs the rest as locked.
$(READY)/python: pyproject.toml uv.lock
	@mkdir -p $(READY)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(sed -n 's/^ *"\(uv==[0-9.]*\)",$$/\1/p' pyproject.toml)"
	UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON_DOWNLOADS=never $(UV) sync --frozen --quiet
	@touch $@

# Node builds the assets once.
$(READY)/graphiql: $(GRAPHIQL) | $(READY)/python
	@$(NODE); cd web/graphiql && npm ci --no-audit --no-fund --loglevel=error && node build.mjs
	@touch $@

$(READY)/maps: $(MAPS) | $(READY)/python
	@$(NODE); cd web/page && npm ci --no-audit --no-fund --loglevel=error && node build.mjs
	@touch $@

browser: ## see to a Chromium for the browser tests: where there is none, and this is root on Debian, install it
	@for name in $(CHROMIUM); do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk >/dev/null; \
	else \
		echo "No Chromium here. The browser tests need one: apt-get install chromium fonts-noto-cjk"; \
	fi

demo: setup ## load a small synthetic park and serve it (PORT=8000 STORE=sqlite:///var/demo.db, or neo4j)
	@store="$(STORE)"; if [ "$$store" = neo4j ]; then store=$$($(MAKE) -s --no-print-directory neo4j | tail -1); fi; \
	$(BIN)/jingwei demo --store "$$store" --port "$(PORT)"

test: setup lint ## set up, lint, type-check, run the tests (TESTS="tests/kg -k interval")
	$(BIN)/pytest $(STRICT) $(TESTS)

neo4j: setup ## start a Neo4j server in var/neo4j on a free port, or use NEO4J_URI; print its URL
	@$(if $(NEO4J_URI),echo "$(NEO4J_URI)",$(BIN)/python -m tools.neo4j.server start --version $(NEO4J_VERSION))

neo4j-stop: ## stop what `make neo4j` started
	@test ! -x $(BIN)/python || $(BIN)/python -m tools.neo4j.server stop

test-neo4j: setup ## the tests that need a Neo4j server: on one of their own, stopped afterwards, or on NEO4J_URI
	$(BIN)/pytest $(STRICT) $(NEO4J) -m "neo4j and not soak" $(TESTS)

lint: setup ## ruff, mypy, import-linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(CHECKED)
	$(BIN)/lint-imports --no-logo

format: setup ## let ruff rewrite what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup ## all benchmarks but the learning ones, results in OUT=bench-out (BENCH_SMALL=1: a short run)
	@mkdir -p "$(OUT)"
	@set -e; for file in $(BENCHES); do echo "== $$file"; $(BIN)/python $$file --out "$(OUT)" $(if $(BENCH_SMALL),--small); done

bench-neo4j: setup ## ours on Neo4j beside hand-written Cypher and @neo4j/graphql, results in OUT=bench-out
	$(BIN)/python benchmarks/bench_neo4j.py --out "$(OUT)" $(if $(BENCH_SMALL),--small)

bench-scaling: setup ## what a store on Neo4j costs as it grows, and what many writers get, results in OUT=bench-out
	$(BIN)/python benchmarks/bench_scaling.py --out "$(OUT)" $(if $(BENCH_SMALL),--small)

bench-ml: setup ## the learning benchmarks from ML_DATA=../shared/data, results in OUT=bench-out (BENCH_SMALL=1: minutes)
	@mkdir -p "$(OUT)"
	$(BIN)/python benchmarks/bench_ml.py --data "$(ML_DATA)" --out "$(OUT)" $(if $(BENCH_SMALL),--small)

soak: setup ## the long tests, for hours rather than minutes
	$(BIN)/pytest --soak --timeout=0 -m "soak and not neo4j" $(TESTS)
	$(BIN)/pytest --soak --timeout=0 $(NEO4J) -m neo4j $(TESTS)
	$(if $(NEO4J_URI),,$(BIN)/pytest --soak --timeout=0 --neo4j --neo4j-version $(NEO4J_NEXT) -m neo4j $(TESTS))

docs: setup ## write the generated pages of docs/
	$(BIN)/python -c 'import sys, kg.settings; sys.stdout.write(kg.settings.settings_page())' > docs/settings.md
	$(BIN)/python -m tests.bad_inputs.page > docs/bad-inputs.md
	$(BIN)/python -c 'import sys, kg.schema.questions as q; sys.stdout.write(q.questions_page(q.read_questions()))' > docs/questions.md

wheel: setup ## dist/jingwei-*.whl, browser assets and ontology included
	@rm -f dist/jingwei-*.whl
	UV_PYTHON_DOWNLOADS=never $(UV) build --quiet --wheel --out-dir dist
	@ls dist/*.whl

clean: ## remove what the targets above made: .venv, caches, assets, dist; never a store
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf web/graphiql/node_modules web/page/node_modules api/page/static/graphiql api/page/static/maplibre
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +
