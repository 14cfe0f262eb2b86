#!/usr/bin/env bash
# The limit of a control group (a container, SLURM's --mem) counts as the memory that is there: a run
# that would be killed is refused, and told by which group.
work=$(mktemp -d)
group=
trap 'rm -rf "$work"; [ -n "$group" ] && rmdir "$group"' EXIT
skip() { echo "skipped: $1"; exit 77; }
name=shinkei-check-$$
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  made=/sys/fs/cgroup/$name limit=memory.max
else
  made=/sys/fs/cgroup/memory/$name limit=memory.limit_in_bytes
fi
mkdir "$made" 2>/dev/null || skip "no control group can be made here ($made)"
group=$made
{ echo 200M >"$group/$limit"; } 2>/dev/null || skip "no memory limit can be set in $group"

cat >"$work/model.yaml" <<MODEL
simulation: {dt: 0.1, duration: 1}
populations: {E: {size: 100000, neuron: iaf_psc_exp}}
projections:
  - {source: E, target: E, rule: fixed_indegree, indegree: 1000, weight: 1, delay: 1.5}
MODEL
(
  { echo $BASHPID >"$group/cgroup.procs"; } 2>/dev/null || exit 77
  exec "$SHINKEI" run "$work/model.yaml" --out "$work/results" --threads 1
) 2>"$work/said"
status=$?
[ $status = 77 ] && skip "no process can be put into $group"
cat "$work/said"
[ $status = 2 ] && grep -q "of the 0.2 GB that control group .*$name allows" "$work/said" ||
  { echo "FAILED  status $status"; exit 1; }
echo "ok      refused by the limit of its control group"
