#!/usr/bin/env bash
# Renews the lock files: names, versions and hashes only, for CPython 3.11 on any platform.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() { # folder or file stem
  local overrides=()
  [ -f "$(dirname "$1")/overrides.txt" ] && overrides=(--override "$(dirname "$1")/overrides.txt")
  uv pip compile --quiet --python-version 3.11 --universal --generate-hashes \
    --no-annotate --no-header --no-emit-index-url --no-emit-find-links "${overrides[@]}" "$1.in" -o "$1.txt"
}
for stem in requirements-dev images/uv.in tests/requirements tests/moto/requirements tests/kubernetes/requirements tests/hostile/requirements images/*/requirements.in tests/bench/requirements-*.in; do
  lock "${stem%.in}"
done
