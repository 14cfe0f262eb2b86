#!/usr/bin/env bash
# A disk that fills up: the run says which checkpoint does not fit, keeps the one before, goes on, and
# ends with a status that tells. On a small tmpfs; skipped where none can be mounted.
set -uo pipefail
source=${SHINKEI_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
shinkei=${SHINKEI:-$source/build/shinkei}
model=$source/tests/models/microcircuit_small.yaml
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_mpi_yield_when_idle=1 OMP_NUM_THREADS=1
work=$(mktemp -d)
mkdir "$work/disk"
if ! mount -t tmpfs -o size=16m tmpfs "$work/disk" 2>/dev/null; then
  rmdir "$work/disk" "$work"
  echo "skipped: a tmpfs cannot be mounted here"
  exit 77
fi
trap 'umount "$work/disk"; rm -rf "$work"' EXIT
checks=0 failures=0
verdict() { # holds (0 or 1), text
  checks=$((checks + 1))
  if [ "$1" = 0 ]; then echo "ok      $2"; else echo "FAILED  $2"; failures=$((failures + 1)); fi
}

"$shinkei" run "$model" --duration 100 --out "$work/wanted" >"$work/wanted.log" 2>&1
digest=$(grep '"spike_digest"' "$work/wanted/summary.json")
for ranks in 1 2; do
  out=$work/disk/out$ranks
  run=("$shinkei")
  [ $ranks = 1 ] || run=(mpirun -n $ranks "$shinkei")
  # The disk fills up while the run goes on: what is left after the first checkpoint is not enough.
  "${run[@]}" run "$model" --duration 50 --checkpoint-at-end --out "$out" >"$work/log" 2>&1
  verdict $? "$ranks ranks: with room all is well"
  cp "$out/checkpoint-000000000000500.h5" "$work/first.h5"
  free=$(df --output=avail -k "$work/disk" | tail -1)
  head -c $(((free - 400) * 1024)) /dev/zero >"$work/disk/filler"
  "${run[@]}" run "$model" --restart "$out" --duration 100 --checkpoint-every 20 >"$work/log" 2>&1
  status=$?
  [ $status = 3 ]
  verdict $? "$ranks ranks: the status is $status, which tells"
  grep -q 'warning: .*no room for a checkpoint of .*; the run goes on' "$work/log"
  verdict $? "$ranks ranks: the run says what happened"
  cmp -s "$out/checkpoint-000000000000500.h5" "$work/first.h5"
  verdict $? "$ranks ranks: the checkpoint before is kept"
  [ -z "$(ls "$out" | grep part)" ]
  verdict $? "$ranks ranks: nothing unfinished is left"
  grep -qF "$digest" "$out/summary.json"
  verdict $? "$ranks ranks: the run went on to its end"
  grep -q 'checkpoints could not be written' "$out/summary.json"
  verdict $? "$ranks ranks: the summary tells"
  [ $failures = 0 ] || { cat "$work/log"; ls -la "$out"; df "$work/disk"; }
  rm -rf "$out" "$work/disk/filler"
done

# What is written at once says the same, and leaves nothing: an earlier partition stays.
seq 1 400 | awk '{ print $1 % 7 "," $1 * $1 % 11 "," $1 % 5 }' >"$work/series.csv"
cat >"$work/pair.yaml" <<'END'
simulation: {dt: 1, duration: 50}
populations: {P: {size: 2, neuron: parrot}}
END
"$shinkei" run "$work/pair.yaml" --checkpoint-at-end --out "$work/pair" >"$work/log" 2>&1
"$shinkei" partition "$model" --ranks 2 --out "$work/disk/part.h5" >"$work/log" 2>&1
cp "$work/disk/part.h5" "$work/part.h5"
head -c 16m /dev/zero >"$work/disk/filler" 2>/dev/null
refused() { # text, file that is not left, command
  "${@:3}" >"$work/log" 2>&1
  local status=$?
  [ $status = 3 ] && [ ! -e "$2" ] && [ ! -e "$2.new" ] && [ "$(grep -c 'error: .*No space left' "$work/log")" = 1 ]
  verdict $? "$1: status $status, $(grep -o 'error: .*' "$work/log" | cut -c1-120)"
}
refused phi "$work/disk/phi.h5" "$shinkei" phi --series "$work/series.csv" --window 50 --measures MI --out "$work/disk/phi.h5"
refused "phi in JSON" "$work/disk/phi.json" "$shinkei" phi --series "$work/series.csv" --measures MI --out "$work/disk/phi.json"
refused perturb "$work/disk/table.h5" "$shinkei" perturb "$work/pair" --nodes P:0-1 --bin 1 --out "$work/disk/table.h5"
for ranks in 1 2; do
  run=("$shinkei")
  [ $ranks = 1 ] || run=(mpirun -n $ranks "$shinkei")
  refused "partition on $ranks" "$work/disk/other.h5" "${run[@]}" partition "$model" --ranks 3 --out "$work/disk/other.h5"
  refused "partition again on $ranks" "$work/disk/part.h5.new" "${run[@]}" partition "$model" --ranks 3 --out "$work/disk/part.h5"
done
cmp -s "$work/part.h5" "$work/disk/part.h5"
verdict $? "the partition of before is kept"
echo "$((checks - failures)) of $checks checks hold"
[ $failures = 0 ]
