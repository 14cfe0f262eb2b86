#!/usr/bin/env bash
# A rank that dies or stops answering ends the whole job, in bounded time, with a message and a status
# that is not 0.
set -uo pipefail
source=${SHINKEI_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
shinkei=${SHINKEI:-$source/build/shinkei}
model=$source/tests/models/microcircuit_small.yaml
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_mpi_yield_when_idle=1 OMP_NUM_THREADS=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
checks=0 failures=0

verdict() { # holds (0 or 1), text
  checks=$((checks + 1))
  if [ "$1" = 0 ]; then echo "ok      $2"; else echo "FAILED  $2"; failures=$((failures + 1)); fi
}

# Ids of the ranks that work on a folder.
ranks_of() {
  local entry
  for entry in /proc/[0-9]*; do
    [ "$(readlink "$entry/exe" 2>/dev/null)" = "$(readlink -f "$shinkei")" ] || continue
    tr '\0' '\n' <"$entry/cmdline" 2>/dev/null | grep -qxF "$1" && basename "$entry"
  done
}

# lose NAME SIGNAL LIMIT PATTERN: the last of 3 ranks gets the signal in the midst of the run.
lose() {
  local name=$1 signal=$2 limit=$3 pattern=$4 folder=$work/$1 job victim begun status left
  timeout -k 5 120 mpirun -n 3 "$shinkei" run "$model" --duration 1e6 --watchdog 3 --out "$folder" \
    >"$work/$name.log" 2>&1 &
  job=$!
  for _ in $(seq 300); do [ -e "$folder/spikes.h5" ] && break; sleep 0.1; done
  sleep 1
  victim=$(ranks_of "$folder" | sort -n | tail -1)
  kill -"$signal" "$victim"
  begun=$(date +%s)
  wait "$job"
  status=$?
  [ $status != 0 ] && [ $status -lt 124 -o $status -gt 124 ]
  verdict $? "$name: status $status"
  [ $(($(date +%s) - begun)) -le "$limit" ]
  verdict $? "$name: the job is over after $(($(date +%s) - begun)) s, at most $limit"
  grep -qE "$pattern" "$work/$name.log" || cat "$work/$name.log"
  grep -qE "$pattern" "$work/$name.log"
  verdict $? "$name: a message says so"
  sleep 1
  left=$(ranks_of "$folder")
  [ -z "$left" ]
  verdict $? "$name: no rank is left $left"
}

lose killed KILL 20 'signal 9|Killed'
lose stopped STOP 40 'no step has ended for 3 s; last step [0-9]+, now in: exchange'
echo "$((checks - failures)) of $checks checks hold"
[ $failures = 0 ]
