# Two commands: `make run` starts the studio, `make test` checks everything.

PYTHON ?= python3
BIN := .venv/bin
AT_ONCE := --numprocesses auto --maxprocesses 4
# Pictures and films, whatever the database is.
WITHOUT_DATABASE := colours.py decoding.py images.py videos.py
ON_POSTGRES := tests/accounts tests/core tests/credits tests/exports tests/faults tests/films tests/generations \
	tests/library tests/notifications tests/operations tests/prompts tests/sharing tests/worker \
	tests/test_postgres_connection.py tests/test_query_plans.py \
	$(addprefix --ignore=tests/library/test_,$(WITHOUT_DATABASE))

.PHONY: run test lint types unit postgres faults browser format messages budgets lock bench screenshots clean

run: ## Install, migrate and start everything on http://127.0.0.1:8000
	@scripts/bootstrap $(PYTHON) requirements.lock
	@exec $(BIN)/python manage.py studio

test: ## Install what tests need, then lint, types and tests
	@scripts/system-packages
	@scripts/bootstrap $(PYTHON) requirements-dev.lock
	@$(MAKE) --no-print-directory lint types unit postgres

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

unit: ## Several processes at once; those that drive a browser by themselves
	$(BIN)/pytest $(AT_ONCE) -m "not browser"
	$(BIN)/pytest $(AT_ONCE) tests/browser

postgres: ## What touches the database once more, on a PostgreSQL server of its own
	$(BIN)/python scripts/with-postgres $(BIN)/pytest $(AT_ONCE) -m "not alone" $(ON_POSTGRES)
	$(BIN)/python scripts/with-postgres $(BIN)/pytest -m alone $(ON_POSTGRES)

faults: ## Kills, cuts and random histories on both databases, and a table; FAULTS_SIZE=5
	$(BIN)/python -m tests.faults.report

browser: ## Only the tests in a real browser
	$(BIN)/pytest $(AT_ONCE) tests/browser

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: ## Collect texts and compile the translations (needs gettext)
	$(BIN)/python scripts/messages.py

budgets: ## Write anew what each page may weigh
	RENEW_BUDGETS=yes $(BIN)/pytest -q tests/test_page_budgets.py

bench: ## Print the figures; BENCH_SIZE=full measures a million, and on PostgreSQL too
	@scripts/bootstrap $(PYTHON) requirements-dev.lock
	$(if $(filter full,$(BENCH_SIZE)),$(BIN)/python scripts/with-postgres )$(BIN)/python -m bench

screenshots: ## Make the README's pictures from a running studio
	@scripts/bootstrap $(PYTHON) requirements-dev.lock
	$(BIN)/python scripts/screenshots.py

lock: ## Resolve pyproject.toml into the two lock files
	$(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install --quiet uv
	.venv/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --custom-compile-command "make lock" \
		pyproject.toml -o requirements.lock
	.venv/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --custom-compile-command "make lock" \
		pyproject.toml --group dev -o requirements-dev.lock

clean:
	rm -rf .venv staticfiles .mypy_cache .ruff_cache .pytest_cache
