#!/usr/bin/env bash
# Install what the tests need, build, run all of them.
set -eu
cd "$(dirname "$0")/.."
. jobs/install.sh
cmake -S . -B build -DCMAKE_BUILD_TYPE=Release
cmake --build build -j "$(nproc)"
ctest --test-dir build --output-on-failure
