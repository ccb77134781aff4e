# Needs: GNU make, git, Python 3.11 or later with venv. Everything else comes from the Python package index.
# `make help` lists the targets.

PYTHON ?= python3
PYTEST_ARGS ?=
BENCH_ARGS ?=
LOCK_ARGS ?=
AUDIT_ARGS ?=
DBT_ARGS ?=
# of two cores: at any time some test waits for a process, a lock or a clock
WORKERS ?= 3
LOAD_ARGS ?=
FUZZ_RUNS ?= 200000
# under coverage it takes longer than it may
UNTIMED := --deselect tests/unit/test_decode_bombs.py::test_millions_of_keys_are_looked_through_quickly
MUTANTS ?=
SHARE ?= 0.5
SEED ?= 1

PY := .venv/bin/python
SETUP := .venv/.setup
DBT := .venv-dbt/bin/dbt
DBT_SETUP := .venv-dbt/.setup
PEERS_SETUP := .venv-peers/.setup
SPARKS := spark spark35
SPARK_SETUPS := $(SPARKS:%=.venv-%/.setup)
DEMO := build/demo
# tests of the house itself: documents, layers, pictures
HOUSE := $(addprefix tests/test_,architecture.py diagrams.py docs.py documents.py security_doc.py settings_reference.py)
FUZZ_TARGETS := queue modes documents timestamps settings objects words
TABLES := deploy/snowflake/04_tables.sql
LOCK := $(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --quiet --custom-compile-command "make lock" $(LOCK_ARGS)
LOCKS := requirements.txt requirements-build.txt requirements-dev.txt deploy/dbt/requirements.txt benchmarks/requirements.txt \
	tests/fuzz/requirements.txt tests/mutants/requirements.txt $(SPARKS:%=deploy/spark/%.txt)
AUDIT := $(PY) -m pip_audit --strict --progress-spinner off --require-hashes --disable-pip $(AUDIT_ARGS)
WHEELS := $(PY) -m pip download --quiet --only-binary :all: --dest build/wheels \
	--python-version "$$(/usr/bin/python3 -c 'import platform; print(platform.python_version())')"

export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*## .*/\1/p' $(MAKEFILE_LIST))

help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' Makefile

setup: $(SETUP) ## Make .venv with everything that the other targets need

$(SETUP): pyproject.toml requirements-dev.txt
	@PYTHON="$(PYTHON)" .ci/prerequisites
	@echo "Making .venv (a minute or two the first time)"
	@$(PYTHON) -m venv .venv
	@$(PY) -m pip install --quiet --require-hashes --requirement requirements-dev.txt
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --no-index --config-settings editable_mode=compat --editable .
	@touch $(SETUP)

run: setup ## Run the demo: real prices, an S3 and a DuckDB file, no account anywhere
	@$(PY) -m etl_daemon demo

test: setup ## Run the tests; PYTEST_ARGS='-k name' passes through
	@$(PY) -m pytest --numprocesses $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

test-dbt: setup dbt-setup ## Build the models on DuckDB and on the Snowflake stand-in, and hold them against published values
	@$(PY) -m pytest --numprocesses $(WORKERS) --dist loadgroup -m dbt $(PYTEST_ARGS) tests/e2e

test-browser: setup ## Look at the pages in a real browser; screenshots go to build/screenshots
	@$(PY) -m pytest -m browser $(PYTEST_ARGS) tests/e2e

screenshots: setup ## Take the pictures of docs/screenshots again, in a real browser
	@SCREENSHOTS=docs/screenshots $(PY) -m pytest --quiet -m browser tests/e2e/test_page_pictures.py

test-spark: setup spark-setup ## Hold Spark against one machine, on the newest Spark and on 3.5 with pandas 2; needs Java
	@for spark in $(SPARKS); do .venv-$$spark/bin/python -m pytest -m spark $(PYTEST_ARGS) tests/spark || exit 1; done

test-systemd: deb ## Install and run the service on a real systemd in a box, as root
	@$(PY) -m pytest --exitfirst -m systemd $(PYTEST_ARGS) tests/e2e/test_systemd_service.py

dist: setup ## Make build/dist with a wheel and the source
	@rm -rf build/dist
	@$(PY) -m uv build --quiet --no-build-isolation --out-dir build/dist .
	@ls build/dist

# what the package installs is a part of it, since it is to work offline
deb: setup ## Make build/deb with a Debian package for the Python of this Debian
	@rm -rf build/wheels build/deb
	@$(WHEELS) --require-hashes --requirement requirements.txt
	@$(WHEELS) --require-hashes --requirement requirements-build.txt
	@deploy/debian/build.sh build/wheels build/deb

release: dist deb sbom ## Make build/release with all that a release has; VERSION=0.2.0 as in pyproject.toml and CHANGELOG.md
	@grep -qx 'version = "$(VERSION)"' pyproject.toml || \
		{ echo "make release: pyproject.toml is not of version '$(VERSION)': set VERSION, or correct it there" >&2; exit 2; }
	@rm -rf build/release && mkdir build/release
	@awk -v version='$(VERSION)' '/^## \[/ { of = index($$0, "[" version "]") } of && !/^## /' CHANGELOG.md > build/release/NOTES.md
	@grep -q '[^[:space:]]' build/release/NOTES.md || \
		{ echo "make release: CHANGELOG.md says nothing of [$(VERSION)]" >&2; exit 2; }
	@cp build/dist/* build/deb/*.deb build/sbom.json requirements.txt build/release
	@cd build/release && sha256sum -- * > ../SHA256SUMS && mv ../SHA256SUMS . && ls

glue-bundle: setup ## Make build/glue, what a Glue job is started from: wheels for its platform, and the scripts
	@$(PY) deploy/glue/bundle.py build/glue
	@du -sh build/glue; echo "To upload it: aws s3 cp --recursive build/glue s3://BUCKET/glue/"

test-glue: glue-bundle ## Install what is in build/glue as Glue does, and run a job from there
	@$(PY) -m pytest -m glue $(PYTEST_ARGS) tests/e2e/test_glue_bundle.py

chaos: setup ## Kill daemons at every step, then four storms, below an hour; STORM_SEED=1 PYTEST_ARGS='-k "FULL and rival"'
	@$(PY) -m pytest --quiet --numprocesses $(WORKERS) --dist load -m chaos $(PYTEST_ARGS) tests/fault

fuzz: setup ## Give decoders, rules, settings, documents, words and the server a million strange inputs; FUZZ_RUNS=200000 for each target
	@$(PY) -m pip install --quiet --require-hashes --requirement tests/fuzz/requirements.txt
	@for target in $(FUZZ_TARGETS); do $(PY) -m tests.fuzz.run $$target $(FUZZ_RUNS) build/fuzz || exit 1; done
	@$(PY) -m tests.fuzz.http $(FUZZ_RUNS) build/fuzz

mutants: mutants-setup ## Change core/ in some place, and see whether a test notices; MUTANTS='rules lease' SHARE=0.5 SEED=1
	@$(PY) -m tests.mutants.run --share $(SHARE) --seed $(SEED) $(MUTANTS)

coverage: mutants-setup ## Measure what all tests but the long ones cover; fails under 95 % of branches in core/, and 88 % of all
	@mkdir -p build/coverage
	@$(PY) -m pytest --quiet --numprocesses $(WORKERS) --dist loadgroup --cov --cov-report=html:build/coverage/html \
		--cov-report=json:build/coverage/report.json $(UNTIMED) $(PYTEST_ARGS) \
		$(addprefix tests/,unit property contract integration e2e)
	@$(PY) -m tests.mutants.bounds build/coverage/report.json

mutants-setup: setup ## Add to .venv what `make mutants` and `make coverage` need
	@$(PY) -m pip install --quiet --require-hashes --requirement tests/mutants/requirements.txt

memory: setup ## Load 5 GB, 50,000 and 20 GB of objects within the default limit; needs 20 GB of disk
	@$(PY) -m pytest --quiet --capture=no -m memory $(PYTEST_ARGS) tests/e2e/test_limits.py

soak: setup ## Let daemons idle, wait for a dead destination, and work in long storms; SOAK_MINUTES=20 STORM_SEED=1
	@$(PY) -m pytest --quiet --capture=no -m soak $(PYTEST_ARGS) tests/e2e/test_endurance.py tests/fault/test_storm.py

load: setup ## Load 50 objects a second, of 100 datasets over a ledger of 1,000,000, for an hour; LOAD_ARGS='--minutes 5'
	@$(PY) -m tests.load $(LOAD_ARGS)

check: setup ## Check style, types, layers, shell scripts, template and docs
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-cache --no-logo
	@.venv/bin/shellcheck .ci/run .ci/prerequisites $(wildcard scripts/*.sh deploy/debian/* tests/support/*.sh)
	@$(PY) -m pytest --quiet $(HOUSE)

bench: setup peers-setup ## Measure throughput against others; BENCH_ARGS='transformer cycle --runs 5'
	@$(PY) -m benchmarks $(BENCH_ARGS)

bench-check: setup peers-setup ## Measure in short form, and fail where it is much slower than what is stored
	@$(PY) -m benchmarks --short --check $(BENCH_ARGS)

peers-setup: $(PEERS_SETUP) ## Make .venv-peers with what the benchmarks measure against

$(PEERS_SETUP): benchmarks/requirements.txt
	@PYTHON="$(PYTHON)" .ci/prerequisites
	@echo "Making .venv-peers (a minute the first time)"
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --require-hashes --requirement benchmarks/requirements.txt
	@touch $(PEERS_SETUP)

audit: setup ## Ask the package index for known vulnerabilities in every lock; fails where it cannot tell
	@for lock in $(LOCKS); do echo "$$lock"; $(AUDIT) --requirement $$lock || \
		{ echo "make audit: $$lock has vulnerabilities, or could not be looked up as a whole: see above" >&2; exit 1; }; done

sbom: setup ## Make build/sbom.json, what a release is made of, as CycloneDX, held against its schema
	@mkdir -p build
	@$(PY) -W ignore -m cyclonedx_py requirements requirements.txt --pyproject pyproject.toml \
		--output-reproducible --validate --output-file build/sbom.json
	@echo "build/sbom.json"

lock: setup ## Remake requirements*.txt from pyproject.toml; LOCK_ARGS=--upgrade takes newer versions
	@$(LOCK) pyproject.toml --output-file requirements.txt
	@$(PY) -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['build-system']['requires'], sep='\n')" | \
		$(LOCK) - --output-file requirements-build.txt
	@$(LOCK) pyproject.toml --extra demo --extra dev --output-file requirements-dev.txt
	@$(LOCK) --no-strip-extras deploy/dbt/requirements.in --output-file deploy/dbt/requirements.txt
	@$(LOCK) tests/fuzz/requirements.in --output-file tests/fuzz/requirements.txt
	@$(LOCK) --constraint requirements-dev.txt tests/mutants/requirements.in --output-file tests/mutants/requirements.txt
	@$(LOCK) --no-strip-extras benchmarks/requirements.in --output-file benchmarks/requirements.txt
	@$(LOCK) pyproject.toml deploy/spark/spark.in --extra spark --output-file deploy/spark/spark.txt
	@$(LOCK) pyproject.toml deploy/spark/spark35.in --extra spark --output-file deploy/spark/spark35.txt

template: setup ## Remake etl-config.env.template and docs/settings.md from the settings
	@$(PY) -c "from etl_daemon.config import template; print(template(), end='')" > etl-config.env.template
	@$(PY) -m docs.reference.settings > docs/settings.md

snowflake-tables: setup ## Remake the tables of deploy/snowflake from the code
	@sed -i '/^CREATE/,$$d' $(TABLES)
	@$(PY) -c "from etl_daemon.config import Settings; from etl_daemon.core import configure; \
		from etl_daemon.core.sql.tables import script; \
		snowflake = Settings().model_copy(update={'etl_destination': 'snowflake'}); \
		print(script(configure.ddl(snowflake)), end='')" >> $(TABLES)

medallion: setup ## Remake the scripts of deploy/snowflake/medallion from datasets.toml
	@$(PY) deploy/snowflake/medallion/generate.py

dashboard: setup ## Remake the Grafana dashboard from deploy/grafana/panels.toml
	@$(PY) deploy/grafana/dashboard.py

diagrams: setup dbt-setup ## Draw the architecture and what the models are made of to build/diagrams; needs graphviz
	@command -v dot >/dev/null || { printf 'make diagrams: dot is missing.\n  apt-get install graphviz\n' >&2; exit 2; }
	@$(PY) -m docs.diagrams.architecture build/diagrams
	@cp build/diagrams/system.svg build/diagrams/rooms.svg docs/diagrams/
	@$(DBT) --quiet parse --project-dir deploy/dbt --profiles-dir deploy/dbt \
		--target-path $(CURDIR)/build/dbt/manifest --log-path build/dbt
	@$(PY) -m docs.diagrams.models build/dbt/manifest/manifest.json build/diagrams

dbt-setup: $(DBT_SETUP) ## Make .venv-dbt with dbt for DuckDB and Snowflake

$(DBT_SETUP): deploy/dbt/requirements.txt
	@PYTHON="$(PYTHON)" .ci/prerequisites
	@echo "Making .venv-dbt (a minute the first time)"
	@$(PYTHON) -m venv .venv-dbt
	@.venv-dbt/bin/python -m pip install --quiet --require-hashes --requirement deploy/dbt/requirements.txt
	@touch $(DBT_SETUP)

spark-setup: $(SPARK_SETUPS) ## Make .venv-spark and .venv-spark35 with PySpark 4 and 3.5

.venv-%/.setup: deploy/spark/%.txt pyproject.toml
	@PYTHON="$(PYTHON)" .ci/prerequisites
	@echo "Making .venv-$* (some minutes the first time)"
	@$(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/python -m pip install --quiet --require-hashes --requirement deploy/spark/$*.txt
	@.venv-$*/bin/python -m pip install --quiet --no-deps --no-build-isolation --no-index --config-settings editable_mode=compat --editable .
	@touch $@

dbt: setup dbt-setup ## Build and test the models on what the demo loaded, dev and prod; DBT_ARGS='--select countries'
	@test -e $(DEMO)/financial_data.duckdb || $(PY) -m etl_daemon demo --dir $(DEMO)
	@ETL_CONFIG_FILE=deploy/dbt/sample/settings.env $(PY) -m etl_daemon once --dataset countries --hours-back 876000
	@for target in duckdb_dev duckdb_prod; do \
		ETL_DUCKDB_PATH=$(DEMO)/financial_data.duckdb DBT_TARGET_PATH=$(CURDIR)/build/dbt/$$target DBT_LOG_PATH=build/dbt \
		$(DBT) build --project-dir deploy/dbt --profiles-dir deploy/dbt --target $$target $(DBT_ARGS) || exit 1; done

clean: ## Remove .venv and what tools leave behind
	@rm -rf .venv .venv-dbt .venv-peers .venv-spark .venv-spark35 .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist ./*.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
