#!/usr/bin/env bash
# What checkpoints cost on the disk of FOLDER: a per-edge field of 10^8 values beside a plain write of the
# same bytes, and the full-scale microcircuit (2 GB of memory). About 2 minutes.
#   tests/measure_checkpoint.sh [FOLDER] [RANKS]
set -euo pipefail
source=${SHINKEI_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
build=${SHINKEI_BUILD:-$source/build}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
work=$(mktemp -d -p "${1:-.}")
trap 'rm -rf "$work"' EXIT
mkdir "$work/field"
mpirun -n "${2:-2}" "$build/tests/mpi_checkpoint" --cost 100000000 "$work/field"
model=$source/jobs/microcircuit/model.yaml
run=(mpirun -n "${2:-2}" "$build/shinkei" run)
"${run[@]}" "$model" --duration 100 --checkpoint-at-end --threads 1 --out "$work/run"
ls -l "$work/run/"checkpoint-*.h5
echo "and from there:"
"${run[@]}" "$model" --duration 200 --checkpoint-at-end --threads 1 --restart "$work/run"
