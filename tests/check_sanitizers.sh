#!/usr/bin/env bash
# No memory error, no leak, no undefined behaviour, no broken assertion: all unit tests (those of MPI on
# three ranks, that of recording, which takes longest, on two; no timings) and a short run of a reduced microcircuit, built with the address and
# undefined-behaviour sanitizers, and, unlike the tested build, with assertions; by clang, where it is
# installed, without a warning.
set -euo pipefail
source=${SHINKEI_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
build=${SHINKEI_BUILD:-$source/build}/sanitizers
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_mpi_yield_when_idle=1
# Stacks are read by frame pointers, which the code of libraries lacks: there only the place that
# allocates is known. That is enough to tell Open MPI's leaks from ours, and 20 times as fast as to
# unwind every stack.
# Dynamic thread-local storage is left out: the runtimes of gcc 12 and clang 14 take some blocks of it for
# those of a glibc before 2.25, by their address, and the leak sanitizer then crashes on them
# (google/sanitizers, issue 1322).
export ASAN_OPTIONS=abort_on_error=0:exitcode=99:intercept_tls_get_addr=0
export LSAN_OPTIONS=suppressions=$source/tests/leaks.supp:print_suppressions=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

compiler=$(command -v clang || true)
[ -n "$compiler" ] || echo "skipped: clang, which is not installed; the default compiler builds"
cmake -S "$source" -B "$build" ${compiler:+-DCMAKE_C_COMPILER="$compiler"} -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_C_FLAGS_DEBUG="-O1 -g1" -DSHINKEI_SANITIZE=ON >"$work/log"
cmake --build "$build" -j "$(nproc)" >>"$work/log" 2>&1 || { tail -40 "$work/log"; exit 1; }

failed=0
export SHINKEI_PHI_NETWORKS=60
ctest --test-dir "$build" --no-tests=error --output-on-failure -R '^(test_.*|mpi_record_2|mpi_.*_3)$' -E 'speed|mpi_record_3' -j 3 \
  >"$work/tests" 2>&1 || failed=1
cat "$work/tests"

simulate() { # ranks, threads
  mpirun -n "$1" "$build/shinkei" run "$source/tests/models/microcircuit_small.yaml" --duration 10 \
    --threads "$2" --out "$work/out" --overwrite >"$work/run" 2>&1
}
for layout in "1 2" "2 1" "3 1"; do
  # shellcheck disable=SC2086
  simulate $layout && continue
  echo "FAILED  $layout (ranks, threads)"
  cat "$work/run"
  failed=1
done
exit "$failed"
