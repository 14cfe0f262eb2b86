#!/usr/bin/env bash
# The one test command: installs what is missing (Debian 12, Ubuntu), builds, runs every test, and
# ends with ctest's count and with what was skipped and why, also inside of tests that passed. Options
# go to ctest: tests/run.sh -R NAME
# SHINKEI_LONG=1 adds the comparison of the full-scale microcircuit with its reference.
set -euo pipefail
cd "$(dirname "$0")/.."
. jobs/install.sh
shinkei_install clang clang-format libclang-rt-dev libomp-dev
shinkei_build build
status=0
ctest --test-dir build -j $(($(nproc) + 1)) --no-tests=error --output-on-failure "$@" || status=$?
grep -hE '^skipped: ' build/Testing/Temporary/LastTest.log | sort -u || true
exit "$status"
