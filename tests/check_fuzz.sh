#!/usr/bin/env bash
# Fuzz the model parser with libFuzzer, address and undefined-behaviour sanitizers: first every input of
# the corpus, then new ones for SHINKEI_FUZZ_SECONDS (default 10). An input that breaks the parser
# stays in the build folder and is named. Inputs worth keeping: fuzz_model -merge=1 tests/fuzz/corpus_model
# BUILD/fuzz/new.
set -eu
source=${SHINKEI_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
build=${SHINKEI_BUILD:-$source/build}/fuzz
seconds=${SHINKEI_FUZZ_SECONDS:-10}
clang=$(command -v clang || true)
[ -n "$clang" ] || { echo "skipped: clang is missing (package clang)"; exit 77; }
mkdir -p "$build"
echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n ? 0 : 0; }' >"$build/probe.c"
"$clang" -fsanitize=fuzzer,address,undefined "$build/probe.c" -o "$build/probe" 2>"$build/probe.log" ||
  { echo "skipped: clang has no fuzzer runtime (package libclang-rt-dev or libclang-rt-14-dev)"; exit 77; }

cmake -S "$source" -B "$build" -DCMAKE_C_COMPILER="$clang" -DCMAKE_BUILD_TYPE=Debug -DSHINKEI_FUZZ=ON >"$build/configure.log"
cmake --build "$build" --target fuzz_model -j 2 >"$build/build.log" 2>&1 || { tail -40 "$build/build.log"; exit 1; }

# The dictionary: every word in backquotes of the reference page.
grep -o '`[A-Za-z_0-9][A-Za-z_0-9]*`' "$source/docs/model.md" | tr -d '`' | sort -u | sed 's/.*/"&"/' >"$build/model.dict"
corpus=$source/tests/fuzz/corpus_model
mkdir -p "$build/new" "$build/artifacts"
run() { "$build/tests/fuzz_model" -timeout=60 -rss_limit_mb=2048 -artifact_prefix="$build/artifacts/" "$@"; }
run -runs=0 "$corpus" 2>"$build/corpus.log" || { tail -60 "$build/corpus.log"; exit 1; }
echo "all $(find "$corpus" -type f | wc -l) inputs of the corpus are handled"
run -max_total_time="$seconds" -max_len=4096 -dict="$build/model.dict" -print_final_stats=1 \
  "$build/new" "$corpus" 2>"$build/fuzz.log" || { tail -60 "$build/fuzz.log"; exit 1; }
grep -E "number_of_executed_units|new_units_added|peak_rss_mb" "$build/fuzz.log"
executed=$(sed -n 's/.*number_of_executed_units: *//p' "$build/fuzz.log")
[ "$executed" -ge 1000 ] || { echo "only $executed inputs were tried"; exit 1; }
