#!/usr/bin/env bash
# jobs/run.sbatch under a real SLURM with emulated nodes: a chain of jobs, stopped by signals, requeued,
# with a node lost, on different numbers of ranks, ends with the spikes of the unbroken run; a chain that
# gets nowhere ends with a message. Skipped where SLURM or the tools that start it are missing.
# SHINKEI_LONG=1 adds a chain that real time limits cut (5 minutes more).
set -uo pipefail
source=$(cd "${SHINKEI_SOURCE:-$(dirname "$0")/..}" && pwd)
export SHINKEI=${SHINKEI:-$source/build/shinkei}
tools=${SHINKEI_SHARED:-$source/../shared}/tools
skip() { echo "skipped: $1"; exit 77; }
command -v slurmctld >/dev/null && command -v munged >/dev/null || skip "no slurmctld, munged here (slurm-wlm, munge)"
[ -x "$tools/slurm-up.sh" ] || skip "no $tools/slurm-up.sh, which starts SLURM"
[ "$(id -u)" = 0 ] || skip "only root starts SLURM here"

work=$(mktemp -d)
export SLURM_EMUL_DIR=$work/slurm SLURM_EMUL_PORT=$((17100 + RANDOM % 400 * 10)) SLURM_EMUL_CLEAN=1
export SLURM_CONF=$SLURM_EMUL_DIR/slurm.conf
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
finish() {
  timeout 60 "$tools/slurm-down.sh" purge >/dev/null 2>&1
  rm -rf "$work"
}
trap finish EXIT
timeout 60 "$tools/slurm-up.sh" 4 2 >"$work/up.log" 2>&1 || { cat "$work/up.log"; skip "SLURM does not start here"; }

checks=0 failures=0
verdict() { # holds (0 or 1), text
  checks=$((checks + 1))
  if [ "$1" = 0 ]; then echo "ok      $2"; else echo "FAILED  $2"; failures=$((failures + 1)); fi
}
# until_true SECONDS COMMAND...
until_true() {
  local last=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $last ] || return 1
    sleep 0.3
  done
}
state() { squeue -h -j "$1" -o %T 2>/dev/null; }
is_over() { case $(state "$1") in "" | COMPLETED | FAILED | CANCELLED | TIMEOUT) return 0 ;; *) return 1 ;; esac; }
newest() { find "$1" -name 'checkpoint-*.h5' -printf '%f\n' 2>/dev/null | sort | tail -1; }
passed() { [[ $(newest "$1") > $2 ]]; } # FOLDER CHECKPOINT: there is a newer one
submit() { sbatch --parsable --time=10 --output="$work/%j.log" "$@"; }
log_has() { grep -q "$2" "$work/$1.log" 2>/dev/null; }
runs_of() { cat "$work/$1.log" 2>/dev/null | grep -c 'started by'; }
runs_are() { [ "$(runs_of "$1")" -ge "$2" ]; }
show() { tail -40 "$work/$1.log"; }

model=$source/tests/models/microcircuit_small.yaml
duration=${DURATION:-3000}
common=("$model" --duration "$duration" --checkpoint-every 100)
"$SHINKEI" run "$model" --duration "$duration" --threads 2 --out "$work/straight" >"$work/straight.log" 2>&1
digest=$(grep '"spike_digest"' "$work/straight/summary.json")
[ -n "$digest" ] || { cat "$work/straight.log"; exit 1; }

out=$work/chain
job=$(submit --ntasks=2 --nodes=2 --cpus-per-task=1 "$source/jobs/run.sbatch" "${common[@]}" --out "$out")
until_true 60 passed "$out" ""
verdict $? "job $job, 2 ranks on 2 nodes: starts and saves"
scancel --signal=USR1 --batch "$job" # what SLURM sends before the time limit
until_true 30 log_has "$job" 'the job is requeued'
verdict $? "SLURM's signal: it saves, ends, requeues itself"
until_true 60 runs_are "$job" 2
at=$(newest "$out")
until_true 60 passed "$out" "$at"
verdict $? "the requeued job goes on from $at"
scontrol requeue "$job"
until_true 60 runs_are "$job" 3
at=$(newest "$out")
until_true 60 passed "$out" "$at"
verdict $? "requeued from outside: it goes on from $at"
node=$(squeue -h -j "$job" -o %B)
scontrol update nodename="$node" state=down reason=test
until_true 60 runs_are "$job" 4
at=$(newest "$out")
until_true 90 passed "$out" "$at"
verdict $? "with $node lost: it goes on from $at or later"
[ "$(runs_of "$job")" -ge 4 ]
verdict $? "that were $(runs_of "$job") runs of one job"
scontrol update nodename="$node" state=resume >/dev/null 2>&1
scancel "$job"
until_true 30 is_over "$job"
job=$(submit --ntasks=3 --nodes=1-3 --cpus-per-task=1 "$source/jobs/run.sbatch" "${common[@]}" --out "$out")
until_true 240 is_over "$job"
verdict $? "job $job, 3 ranks: runs to the end"
log_has "$job" '3 ranks x 1 threads' && log_has "$job" 'complete:' && ! log_has "$job" 'from step 0$'
verdict $? "it goes on where the others ended, on other ranks"
found=$(grep '"spike_digest"' "$out/summary.json" 2>/dev/null)
[ "$found" = "$digest" ]
verdict $? "the digest is that of the unbroken run: $found"
"${PYTHON:-/usr/bin/python3}" - "$out/spikes.h5" "$work/straight/spikes.h5" <<'END'
import sys, h5py
a, b = (h5py.File(path, "r")["spikes"] for path in sys.argv[1:])
same = list(a) == list(b) and all(
    (a[p][name][:].tolist() == b[p][name][:].tolist()) for p in a for name in ("timestamps", "node_ids"))
sys.exit(0 if same and sum(len(a[p]["node_ids"]) for p in a) > 100 else 1)
END
verdict $? "and so are the spikes in spikes.h5"
[ $failures = 0 ] || show "$job"

# Where srun --mpi=pmix does not work mpirun starts the ranks; a SIGTERM that it gets itself is no loss.
mkdir "$work/bin"
printf '#!/bin/sh\n[ "$1" = --mpi=list ] && echo none && exit 0\nexec %s "$@"\n' "$(command -v srun)" >"$work/bin/srun"
chmod +x "$work/bin/srun"
mpirun_of() { # the mpirun that runs in a folder
  local entry
  for entry in /proc/[0-9]*; do
    [ "$(cat "$entry/comm" 2>/dev/null)" = mpirun ] || continue
    tr '\0' '\n' <"$entry/cmdline" 2>/dev/null | grep -qxF "$1" && basename "$entry"
  done
}
out=$work/mpirun
job=$(PATH=$work/bin:$PATH submit --ntasks=2 --nodes=2 --cpus-per-task=1 "$source/jobs/run.sbatch" "$model" \
  --duration 1e6 --checkpoint-every 100 --out "$out")
until_true 60 passed "$out" "" && log_has "$job" 'started by: mpirun'
verdict $? "job $job by mpirun: starts and saves"
kill -TERM "$(mpirun_of "$out")"
until_true 90 log_has "$job" 'the job is requeued'
verdict $? "mpirun gets SIGTERM: the ranks save and end, the job is requeued"
until_true 60 runs_are "$job" 2
at=$(newest "$out")
until_true 60 passed "$out" "$at" && ! grep -q 'run 2.*from step 0$' "$work/$job.log"
verdict $? "it goes on from $at"
scancel "$job"
until_true 60 is_over "$job"
sleep 5
is_over "$job" && [ "$(runs_of "$job")" = 2 ]
verdict $? "a job that the user cancels stays so"
[ $failures = 0 ] || show "$job"

# A program that is always stopped before it gets anywhere.
printf '#!/bin/sh\n[ "$1" = --version ] && echo shinkei 0 && exit 0\nexit 75\n' >"$work/stuck.sh"
chmod +x "$work/stuck.sh"
job=$(SHINKEI=$work/stuck.sh submit --ntasks=1 --cpus-per-task=1 "$source/jobs/run.sbatch" "$model" --out "$work/stuck")
until_true 60 log_has "$job" 'two jobs in a row got no further'
verdict $? "a chain that gets nowhere ends with a message"
until_true 10 is_over "$job"
verdict $? "after $(runs_of "$job") runs"
[ $failures = 0 ] || show "$job"

if [ "${SHINKEI_LONG:-0}" = 1 ]; then
  job=$(sbatch --parsable --time=2 --signal=B:USR1@60 --output="$work/%j.log" --ntasks=2 --nodes=2 --cpus-per-task=1 \
    "$source/jobs/run.sbatch" "$model" --duration 1e7 --out "$work/limits")
  until_true 400 runs_are "$job" 3
  verdict $? "time limits: $(runs_of "$job") runs of one job"
  scancel "$job"
fi
echo "$((checks - failures)) of $checks checks hold"
[ $failures = 0 ]
