#!/usr/bin/env bash
# The one test command: installs what is missing (Debian 12, Ubuntu), builds, runs every test, and
# ends with ctest's count. Options go to ctest: tests/run.sh -R NAME
# SHINKEI_LONG=1 adds the comparison of the full-scale microcircuit with its reference.
set -euo pipefail
cd "$(dirname "$0")/.."
. jobs/install.sh
shinkei_install clang clang-format libclang-rt-dev libomp-dev
shinkei_build build
ctest --test-dir build --output-on-failure "$@"
