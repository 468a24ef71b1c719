#!/usr/bin/env bash
# Pins requirements*.in, with hashes, for every Python and machine. The files carry no addresses: pip asks where it is told to.
#
#   scripts/lock.sh             keeps the pins that still fit
#   scripts/lock.sh --upgrade   takes the newest of everything
set -euo pipefail
cd "$(dirname "$0")/.."
pin() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" "$@"
}
pin "$@" requirements.in --output-file requirements.lock
pin "$@" requirements-dev.in --constraint requirements.lock --output-file requirements-dev.lock
