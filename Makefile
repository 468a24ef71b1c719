# Two commands on a fresh Debian 12 or Ubuntu 24.04: `make run`, `make test`. `make` alone says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test check bench samples lock clean

HOME_FOLDER ?= sohoa-data
STACKS ?= samples/stacks
# Two test processes fit two cores; a file's tests stay together because they share what is slow to start.
TEST_PROCESSES ?= 2

# Tesseract's own threads cost three times the CPU; bytecode is what makes a second start fast.
export OMP_THREAD_LIMIT := 1
unexport PYTHONDONTWRITEBYTECODE

help: ## Danh sách lệnh / this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Cài đặt những gì cần để chạy / install what running needs
	@scripts/setup.sh

setup-dev:
	@scripts/setup.sh --dev

run: setup ## Chạy thử: số hoá hồ sơ mẫu vào sohoa-data, ký, chứng thực, kiểm tra / digitise the samples, sign, certify, verify
	.venv/bin/sohoa init --home "$(HOME_FOLDER)"
	scripts/demo.sh "$(HOME_FOLDER)" before
	.venv/bin/sohoa digitise "$(STACKS)" --home "$(HOME_FOLDER)" || [ $$? -eq 1 ] # 1: done, something needs a person
	scripts/demo.sh "$(HOME_FOLDER)"

test: check ## Kiểm tra toàn bộ / lint, rooms, all tests
	.venv/bin/python -m pytest -n $(TEST_PROCESSES) --dist loadfile

check: setup-dev ## Kiểm tra nhanh mã nguồn / lint and rooms only
	.venv/bin/ruff check .
	.venv/bin/lint-imports

bench: setup-dev ## Đo tốc độ và độ chính xác / measure speed and accuracy
	.venv/bin/python -m bench

samples: setup-dev ## Tạo lại các tập hồ sơ mẫu / make the sample stacks again
	.venv/bin/python -m samples stacks

lock: setup-dev ## Khoá lại phiên bản thư viện / pin the packages again
	scripts/lock.sh

clean: ## Xoá những gì tạo ra, trừ dữ liệu / remove what was made, but never data
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
