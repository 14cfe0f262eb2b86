#!/usr/bin/env bash
# Fuzz the parsers of models and of transition tables with libFuzzer, address and undefined-behaviour
# sanitizers: first every input of the corpus, then new ones for SHINKEI_FUZZ_SECONDS each (default 8).
# An input that breaks a parser stays in BUILD/fuzz/artifacts_NAME and is named. Inputs worth keeping:
# fuzz_NAME -merge=1 tests/fuzz/corpus_NAME BUILD/fuzz/new_NAME.
set -eu
source=${SHINKEI_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
build=${SHINKEI_BUILD:-$source/build}/fuzz
seconds=${SHINKEI_FUZZ_SECONDS:-8}
clang=$(command -v clang || true)
[ -n "$clang" ] || { echo "skipped: clang is missing (package clang)"; exit 77; }
mkdir -p "$build"
echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n ? 0 : 0; }' >"$build/probe.c"
"$clang" -fsanitize=fuzzer,address,undefined "$build/probe.c" -o "$build/probe" 2>"$build/probe.log" ||
  { echo "skipped: clang has no fuzzer runtime (package libclang-rt-dev or libclang-rt-14-dev)"; exit 77; }

cmake -S "$source" -B "$build" -DCMAKE_C_COMPILER="$clang" -DCMAKE_BUILD_TYPE=Debug -DSHINKEI_FUZZ=ON >"$build/configure.log"
cmake --build "$build" --target fuzz_model fuzz_phi_table -j 2 >"$build/build.log" 2>&1 ||
  { tail -40 "$build/build.log"; exit 1; }
# The dictionary of models: every word in backquotes of the reference page.
grep -o '`[A-Za-z_0-9][A-Za-z_0-9]*`' "$source/docs/model.md" | tr -d '`' | sort -u | sed 's/.*/"&"/' >"$build/model.dict"

fuzz() { # NAME OPTIONS...
  local name=$1 corpus=$source/tests/fuzz/corpus_$1 log=$build/$1.log executed
  shift
  mkdir -p "$build/new_$name" "$build/artifacts_$name"
  local run=("$build/tests/fuzz_$name" -timeout=60 -rss_limit_mb=2048 -artifact_prefix="$build/artifacts_$name/")
  "${run[@]}" -runs=0 "$corpus" 2>"$log" || { tail -60 "$log"; exit 1; }
  echo "$name: all $(find "$corpus" -type f | wc -l) inputs of the corpus are handled"
  "${run[@]}" -max_total_time="$seconds" -max_len=4096 -print_final_stats=1 "$@" "$build/new_$name" "$corpus" \
    2>"$log" || { tail -60 "$log"; exit 1; }
  grep -E "number_of_executed_units|new_units_added|peak_rss_mb" "$log"
  executed=$(sed -n 's/.*number_of_executed_units: *//p' "$log")
  [ "$executed" -ge 1000 ] || { echo "only $executed inputs were tried"; exit 1; }
}
fuzz model -dict="$build/model.dict"
fuzz phi_table
