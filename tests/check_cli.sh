#!/usr/bin/env bash
# What users do wrong ends in a message and a status that is not 0, never in a hang, and nothing is
# destroyed; what looks odd but is allowed works. Alone and on two ranks.
set -uo pipefail
source=${SHINKEI_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
shinkei=${SHINKEI:-$source/build/shinkei}
python=${PYTHON:-/usr/bin/python3}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_mpi_yield_when_idle=1 OMP_NUM_THREADS=1
# Where a rank ends with a status mpirun signals the others, which ended too, and would wait a second.
export OMPI_MCA_odls_base_sigkill_timeout=0
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1
export OMPI_MCA_orte_tmpdir_base=$work/mpi
mkdir mpi
limit=60 # [s] longer is a hang
checks=0 failures=0

verdict() { # holds (0 or 1), text
  checks=$((checks + 1))
  if [ "$1" = 0 ]; then echo "ok      $2"; else echo "FAILED  $2"; failures=$((failures + 1)); fi
}

# Run with 1 and 2 ranks: refuses NAME PATTERN ARGUMENTS...: status 1 to 123, a message with PATTERN
# (extended regular expression) that is printed once, no hang.
refuses() {
  local name=$1 pattern=$2 ranks status
  shift 2
  for ranks in 1 2; do
    if [ "$ranks" = 1 ]; then
      timeout "$limit" "$shinkei" "$@" >log 2>&1
    else
      timeout "$limit" mpirun -n 2 "$shinkei" "$@" >log 2>&1
    fi
    status=$?
    if [ $status = 124 ]; then
      verdict 1 "$name, $ranks ranks: hangs"
    elif [ $status = 0 ] || [ $status -gt 123 ]; then
      verdict 1 "$name, $ranks ranks: status $status"; cat log
    elif [ "$(grep -v 'Process name:' log | grep -cE -- "$pattern")" != 1 ]; then # mpirun's own number
      verdict 1 "$name, $ranks ranks: no single message with '$pattern'"; cat log
    else
      verdict 0 "$name, $ranks ranks: $(grep -E -- "$pattern" log | head -1 | cut -c1-150)"
    fi
  done
}

works() { # works NAME RANKS ARGUMENTS...
  local name=$1 ranks=$2 status
  shift 2
  timeout "$limit" mpirun -n "$ranks" "$shinkei" "$@" >log 2>&1
  status=$?
  [ $status = 0 ] || cat log
  verdict $((status != 0)) "$name"
}

cat >small.yaml <<'END'
simulation: {dt: 0.1, duration: 20, seed: 3}
populations:
  A: {size: 40, neuron: iaf_psc_exp}
projections:
  - {source: A, target: A, rule: fixed_indegree, indegree: 4, weight: 30.0, delay: 1.0}
inputs:
  - {type: poisson, target: A, rate: 8000, weight: 200.0}
END

# The command line.
refuses "no such subcommand" "dance" dance
refuses "no such option" "--dance" run small.yaml --dance
refuses "no model file named" "MODEL|model file" run
refuses "no such model file" "nowhere.yaml" run nowhere.yaml --out o
refuses "not a number" "duration" run small.yaml --duration soon --out o
refuses "unknown key of --set" "simulation.speed" run small.yaml --set simulation.speed=3 --out o
refuses "no threads" "threads" run small.yaml --threads 0 --out o
refuses "no such partition" "partition|nowhere.h5" run small.yaml --partition nowhere.h5 --out o

# The output folder.
: >file
refuses "output folder is a file" "file" run small.yaml --out file
refuses "output folder below a file" "file" run small.yaml --out file/out
if [ -d /proc/sys ]; then
  refuses "output folder cannot be written" "/proc/sys/shinkei" run small.yaml --out /proc/sys/shinkei
fi
works "a first run" 1 run small.yaml --out kept
sum=$(cat kept/* | sha256sum)
refuses "an earlier run in the output folder" "overwrite" run small.yaml --out kept
[ "$sum" = "$(cat kept/* | sha256sum)" ]
verdict $? "the earlier run is as it was"
works "--overwrite" 1 run small.yaml --out kept --overwrite
sum=$(cat kept/* | sha256sum)
refuses "an overwriting run without its connectome" "nowhere.h5" run small.yaml --out kept --overwrite --set \
  'projections.0={source: A, target: A, rule: file, file: nowhere.h5, edges: e, weight: 1, delay: 1}'
refuses "an overwriting run without its partition" "nowhere.h5" run small.yaml --out kept --overwrite \
  --partition nowhere.h5
[ "$sum" = "$(cat kept/* | sha256sum)" ]
verdict $? "what an overwriting run that cannot begin would have replaced is as it was"
mkdir foreign && echo precious >foreign/diary.txt
works "an output folder with files of others" 2 run small.yaml --out foreign --overwrite
[ "$(cat foreign/diary.txt)" = precious ]
verdict $? "files of others are as they were"

# Connectomes.
cat >fly.yaml <<'END'
simulation: {dt: 0.1, duration: 5, seed: 3}
populations:
  A: {size: 40, neuron: shiu_lif}
projections:
  - {source: A, target: A, rule: file, file: edges.h5, edges: A_A, weight: {attribute: w, scale: 0.3}, delay: 1.8}
END
make_edges() { # what to do to a sound file, in Python
  "$python" - "$1" <<'END'
import sys
import h5py, numpy as np
with h5py.File("edges.h5", "w") as file:
    group = file.create_group("edges/A_A")
    random = np.random.default_rng(1)
    for name in ("source_node_id", "target_node_id"):
        group[name] = random.integers(0, 40, 300).astype(np.uint64)
        group[name].attrs["node_population"] = "A"
    group["edge_group_id"] = np.zeros(300, np.uint32)
    group["edge_group_index"] = np.arange(300, dtype=np.uint64)
    group["edge_type_id"] = np.zeros(300, np.uint64)
    group["0/w"] = random.integers(-9, 9, 300).astype(np.int32)
    exec(sys.argv[1])
END
}
make_edges ""
works "a sound connectome" 2 run fly.yaml --out o --overwrite
rm edges.h5
refuses "a connectome file that is missing" "fly.yaml:5: projections.0.file: edges.h5: cannot be read" run fly.yaml --out o --overwrite
echo "pre,post,weight" >edges.h5
refuses "a connectome file that is not HDF5" "edges.h5" run fly.yaml --out o --overwrite
make_edges ""
head -c 2000 edges.h5 >truncated.h5 && mv truncated.h5 edges.h5
refuses "a connectome file that is truncated" "edges.h5" run fly.yaml --out o --overwrite
make_edges 'group["source_node_id"][7] = 40'
refuses "a source out of range" "40" run fly.yaml --out o --overwrite
make_edges 'group["target_node_id"][299] = 1 << 40'
refuses "a target out of range" "1099511627776" run fly.yaml --out o --overwrite
make_edges 'group["target_node_id"].attrs["node_population"] = "B"'
refuses "edges of another population of the model" "target_node_id is of nodes of 'B', but stands for those of 'A'" \
  run fly.yaml --set populations.B='{size: 40, neuron: shiu_lif}' --out o --overwrite
works "edges of a population that the model does not know" 1 run fly.yaml --out o --overwrite
make_edges 'del group["0/w"]; group["0/w"] = np.zeros(299)'
refuses "arrays of different lengths" "299" run fly.yaml --out o --overwrite
make_edges 'del group["target_node_id"]'
refuses "an array that is missing" "target_node_id" run fly.yaml --out o --overwrite
make_edges 'del group["0/w"]'
refuses "an attribute that is missing" "0/w|'w'|\"w\"| w " run fly.yaml --out o --overwrite
make_edges 'del group["0/w"]; group["0/w"] = np.full(300, np.nan)'
refuses "a weight that is not a number" "nan" run fly.yaml --out o --overwrite
make_edges 'for name, data in (("source_node_id", np.arange(200000) % 40), ("target_node_id", np.full(200000, 3)),
  ("0/w", np.full(200000, 9)), ("edge_group_id", np.zeros(200000, int)), ("edge_group_index", np.arange(200000))):
    del group[name]; group[name] = data'
refuses "a neuron whose synapses could bring more than a sum holds" \
  "fly.yaml: populations.A: the 200000 synapses of node 3 could bring more than a sum of 16-bit weights holds" \
  run fly.yaml --out o --overwrite
make_edges 'del group["source_node_id"]; group.create_dataset("source_node_id", data=np.arange(300) % 40, compression="lzf")'
refuses "edges packed by a filter that is not here" "source_node_id cannot be read: it is packed by the filter 'lzf'" \
  run fly.yaml --out o --overwrite
make_edges 'del group["edge_group_id"]
chunks = group.create_dataset("edge_group_id", data=np.zeros(300, np.uint32), chunks=(50,), compression="gzip")
file.flush()
damaged = chunks.id.get_chunk_info(5).byte_offset # in the slice of the last rank alone
file.close()
with open("edges.h5", "r+b") as raw:
    raw.seek(damaged + 2)
    raw.write(b"\xff" * 8)'
refuses "edges of which one piece is damaged" "edge_group_id cannot be read: inflate" \
  run fly.yaml --out o --overwrite
for places in edge_group_id edge_group_index; do
  make_edges "places = group['$places'][:] + 0.0; del group['$places']; group['$places'] = places"
  refuses "$places of fractions" "edges.h5: /edges/A_A/$places holds no integers" run fly.yaml --out o --overwrite
  make_edges "del group['$places']"
  refuses "no $places beside the other" "edges.h5: has no dataset /edges/A_A/$places" run fly.yaml --out o --overwrite
done
make_edges 'del group["source_node_id"].attrs["node_population"]'
refuses "edges of no neurons" "edges.h5: /edges/A_A/source_node_id\[0\] is [0-9]*, but the population has no neurons" \
  run fly.yaml --set 'populations.B={size: 0, neuron: shiu_lif}' --set projections.0.source=B --out o --overwrite
make_edges ""
refuses "no such edge population" "B_B" run fly.yaml --set projections.0.edges=B_B --out o --overwrite
far=$(printf 'far_away/%.0s' {1..130})
make_edges ""
mkdir -p "$far" && mv edges.h5 "$far"
refuses "a connectome file of a long path" "no edge population 'B_B'" \
  run fly.yaml --set projections.0.file="$far"edges.h5 --set projections.0.edges=B_B --out o --overwrite
refuses "a connectome file that a setting names" \
  "fly.yaml: --set projections.0.file: nowhere.h5: cannot be read" \
  run fly.yaml --set projections.0.file=nowhere.h5 --out o --overwrite

# Spike trains from files.
make_trains() { # options of the arrays, and what to do to the sound file, in Python
  "$python" - "$1" "${2:-}" <<'END'
import sys
import h5py
with h5py.File("trains.h5", "w") as file:
    options = eval(f"dict({sys.argv[1]})")
    file.create_dataset("spikes/A/timestamps", data=[0.04, 1.0, 2.5], **options)
    file.create_dataset("spikes/A/node_ids", data=[3, 0, 39], **options)
    exec(sys.argv[2])
END
}
cat >trains.yaml <<'END'
simulation: {dt: 0.1, duration: 5}
populations:
  A: {size: 40, neuron: iaf_psc_exp}
inputs:
  - type: spike_trains
    target: A
    file: trains.h5
    weight: 5000.0
END
make_trains ""
works "sound spike trains" 2 run trains.yaml --out o --overwrite
refuses "spikes that come before parrots have begun" "trains.h5: a spike of node 3 is at 0.04 ms, before the first step" \
  run trains.yaml --set populations.A.neuron=parrot --set inputs.0.weight=1 --out o --overwrite
refuses "spikes of no neurons" "trains.h5: spike 0 is of node 3, but the population B has no neurons" \
  run trains.yaml --set 'populations.B={size: 0, neuron: iaf_psc_exp}' --set inputs.0.target=B \
  --set inputs.0.spikes=A --out o --overwrite
mkdir own && ln trains.h5 own/spikes.h5
refuses "spike trains that the run would replace" \
  "trains.yaml:7: inputs.0.file: trains.h5: is in the output folder, where this run writes its own spikes.h5" \
  run trains.yaml --out own --overwrite
[ own/spikes.h5 -ef trains.h5 ]
verdict $? "they are as they were"
rm -r own
refuses "a model whose spike trains are not there" "inputs.0.file: nowhere.h5" \
  validate trains.yaml --set inputs.0.file=nowhere.h5
works "a run in a folder of its own" 1 run small.yaml --out own
before=$(cat own/* | cksum)
refuses "a model that the run would replace" "own/effective.yaml: the model is in the output folder" \
  run own/effective.yaml --out own --overwrite
works "a partition" 1 partition small.yaml --ranks 1 --out parts.h5
cp own/spikes.h5 kept.h5 && ln -f parts.h5 own/spikes.h5
refuses "a partition that the run would replace" "--partition: parts.h5: is in the output folder" \
  run small.yaml --out own --overwrite --partition parts.h5
cp --remove-destination kept.h5 own/spikes.h5
mkdir own/traces.h5
refuses "a folder where a file would be written" "--out: own/traces.h5: is a folder" \
  run small.yaml --out own --overwrite
rmdir own/traces.h5
[ "$before" = "$(cat own/* | cksum)" ]
verdict $? "the earlier run is as it was"
rm -r own
works "a run that saves its state" 1 run small.yaml --out own --checkpoint-at-end
rm own/spikes.h5
works "a restart without the record before" 2 run --restart own --duration 30
grep -q "own/spikes.h5 is not there any more: it begins anew after 20 ms" log
verdict $? "it says that the record is gone"
rm -r own
make_trains "compression='gzip'"
works "packed spike trains" 2 run trains.yaml --out o --overwrite
make_trains "compression='lzf'"
refuses "spike trains packed by a filter that is not here" \
  "trains.yaml:7: inputs.0.file: trains.h5: timestamps cannot be read: it is packed by the filter 'lzf'" \
  run trains.yaml --out o --overwrite

make_trains "" 'file["spikes/A/timestamps"].attrs["units"] = ["ms"] * 50'
refuses "spike trains with a list of units" "units of timestamps holds 50 strings: ms or s are allowed" \
  run trains.yaml --out o --overwrite

# Partition files.
works "a partition" 1 partition small.yaml --ranks 2 --method block --out sound.h5
refuses_partition() { # NAME PATTERN, what to do to a sound file in Python
  cp sound.h5 parts.h5
  "$python" - "$3" <<'END'
import sys
import h5py, numpy as np
with h5py.File("parts.h5", "r+") as file:
    owner = file["owner"][:].astype(int)
    def replace(data):
        del file["owner"]
        file["owner"] = data
    exec(sys.argv[1])
END
  refuses "$1" "parts.h5.*$2" partition small.yaml --ranks 2 --method parts.h5
}
works "its own partition" 2 partition small.yaml --ranks 2 --method sound.h5
refuses_partition "a neuron of a part below 0" "gives neuron 7 to part -1; allowed are 0 to 1" 'owner[7] = -1; replace(owner)'
refuses_partition "a neuron of a part above all" "gives neuron 39 to part 4294967296; allowed are 0 to 1" \
  'owner[39] = 1 << 32; replace(owner)'
refuses_partition "parts with fractions" "owner must hold integers" 'replace(owner + 0.5)'
refuses_partition "parts that are words" "owner must hold integers" 'replace(["here"] * 40)'
refuses_partition "a matrix of parts" "owner has 2 dimensions" 'replace(owner.reshape(8, 5))'
refuses_partition "a cube of parts" "owner has 3 dimensions" 'replace(owner.reshape(2, 4, 5))'
refuses_partition "parts of too few neurons" "owner has 39 entries for 40 neurons" 'replace(owner[:39])'
refuses_partition "no parts" "has no dataset owner" 'del file["owner"]'
refuses_partition "a group of parts" "has no dataset owner" 'del file["owner"]; file.create_group("owner")'
refuses_partition "a partition of another format" "format holds shinkei partition 9; 'shinkei partition 1' is expected" \
  'file.attrs["format"] = "shinkei partition 9"'
refuses_partition "a format that is a number" "format holds 3 integers" 'file.attrs["format"] = [1, 2, 3]'
refuses_partition "a file without a format" "format holds nothing" 'del file.attrs["format"]'
refuses_partition "a number of parts below 0" "into -1 parts; 2 are needed" 'file.attrs["parts"] = -1'
refuses_partition "a list of numbers of parts" "parts holds 2 integers; 1 integer is expected" 'file.attrs["parts"] = [2, 2]'
refuses_partition "a number of neurons with a fraction" "neurons holds 1 floating-point number" \
  'file.attrs["neurons"] = 40.0'
"$python" -c "import h5py; h5py.File('list.h5', 'w').attrs['format'] = ['shinkei partition 1'] * 50"
refuses "a partition over a file whose format is a list" "what is there is no partition" \
  partition small.yaml --ranks 2 --out list.h5

# Pipes that nobody writes to.
mkfifo pipe.h5
make_edges ""
refuses "a model that is a pipe" "pipe.h5: is no file" run pipe.h5 --out o --overwrite
refuses "a model that is a folder" "kept: is no file" run kept --out o --overwrite
refuses "a connectome that is a pipe" "fly.yaml: --set projections.0.file: pipe.h5: is no file" \
  run fly.yaml --set projections.0.file=pipe.h5 --out o --overwrite
refuses "spike trains that are a pipe" "inputs.0.file: pipe.h5: is no file" \
  run trains.yaml --set inputs.0.file=pipe.h5 --out o --overwrite
refuses "a partition that is a pipe" "the partition file pipe.h5 is no file" \
  run small.yaml --partition pipe.h5 --out o --overwrite
refuses "a partition into a pipe" "pipe.h5 cannot be written: it is no file" \
  partition small.yaml --ranks 2 --out pipe.h5
refuses "a checkpoint that is a pipe" "pipe.h5: is no file" run --restart pipe.h5 --out o --overwrite
refuses "a table that is a pipe" "pipe.h5: is no file" phi --table pipe.h5
refuses "spikes that are a pipe" "pipe.h5: is no file" phi --spikes pipe.h5 --nodes 0,1

# Odd, but allowed.
works "more ranks than neurons" 3 run small.yaml --set populations.A.size=2 --out few
works "zero spikes" 2 run small.yaml --set inputs.0.rate=0 --out silent
grep -Eq '"spikes": *0[,}]?' silent/summary.json
verdict $? "the summary of a silent run says 0 spikes"
cat >empty.yaml <<'END'
simulation: {duration: 5}
populations:
  A: {size: 0, neuron: iaf_psc_exp}
  B: {size: 3, neuron: iaf_psc_exp}
projections:
  - {source: A, target: B, rule: all_to_all, weight: 1.0, delay: 1.0}
  - {source: B, target: A, rule: all_to_all, weight: 1.0, delay: 1.0}
inputs:
  - {type: poisson, target: A, rate: 100, weight: 1.0}
END
works "a population of size 0" 2 run empty.yaml --out empty
refuses "no neuron at all" "no neurons" run empty.yaml --set populations.B.size=0 --out none
works "a run of no length" 2 run small.yaml --duration 0 --out short
grep -q "0 ms simulated" log && ! grep -qE "\<(inf|-?nan)\>" log
verdict $? "it tells of no rate and no factor"
works "a plan without synapses" 1 plan empty.yaml
! grep -qE "\<(inf|-?nan)\>" log
verdict $? "it is of numbers"
cat >late.yaml <<'END'
simulation: {dt: 0.1, duration: 10, warm_up: 5}
populations:
  A: {size: 3, neuron: iaf_psc_exp}
inputs:
  - {type: dc, target: A, amplitude: 1}
  - {type: spike_trains, target: A, weight: 1, times: [0, 14.9, 15, 15.1, 30]}
END
works "spikes given after the end" 2 run late.yaml --out late
[ "$(grep -c 'warning: inputs.1: given spikes after the end of the run, 15 ms, which reach nobody: 6' log)" = 1 ]
verdict $? "they are told of"
works "a longer run" 2 run late.yaml --duration 25 --out late --overwrite
! grep -q warning log
verdict $? "has none of them"
cores=$(env -u OMP_NUM_THREADS nproc) # which heeds it
if [ "$cores" -gt 1 ]; then
  timeout "$limit" mpirun -n 1 --bind-to core "$shinkei" run small.yaml --threads 2 --out bound >log 2>&1
  [ "$(grep -c 'warning: 1 ranks x 2 threads share 1 of' log)" = 1 ]
  verdict $? "threads that mpirun has put on one core are told of"
  env -u OMP_NUM_THREADS timeout "$limit" mpirun -n 1 --bind-to core "$shinkei" run small.yaml \
    --set populations.A.size=4000 --out bound --overwrite >log 2>&1
  [ "$(grep -c "warning: mpirun bound 1 rank to 1 of this node's $cores cores" log)" = 1 ]
  verdict $? "so is a run that has fewer threads than its node has cores, because of mpirun"
fi
for command in "run small.yaml --out full --overwrite" "plan small.yaml" "partition small.yaml --ranks 2" \
  "validate small.yaml" "info full/summary.json" "run --help"; do
  # shellcheck disable=SC2086
  timeout "$limit" "$shinkei" $command >/dev/full 2>log
  [ $? = 3 ] && grep -q "standard output cannot be written: No space left" log
  verdict $? "$command: standard output that is full is no success"
done

# Without a launcher nothing is shared with other programs of Open MPI: two of them at once had the same
# folder for their sessions, and the one that ended first removed the other's.
: >file
OMPI_MCA_orte_tmpdir_base=$work/file timeout "$limit" "$shinkei" run small.yaml --out apart >log 2>&1
status=$?
[ $status = 0 ] || cat log
verdict $((status != 0)) "alone it needs no folder for sessions of Open MPI"

# What is installed can be built with, wherever it lies.
cmake --install "${SHINKEI_BUILD:-$source/build}" --prefix "$work/here" >log 2>&1 && mv here there
cat >own.c <<'END'
#include "model.h"
int main(void) {
  model_write_reference(stdout);
  return 0;
}
END
# shellcheck disable=SC2046
mpicc -o own own.c $(PKG_CONFIG_PATH=there/lib/pkgconfig pkg-config --cflags --libs shinkei) \
  >>log 2>&1 && ./own >own.md && cmp own.md "$source/docs/model.md"
status=$?
[ $status = 0 ] || cat log
verdict $((status != 0)) "a program of one's own with the installed library"

# Help, and what the program writes can be read by it again.
for sub in "" run partition validate info; do
  # shellcheck disable=SC2086
  timeout "$limit" "$shinkei" $sub --help >log 2>&1
  verdict $? "shinkei $sub --help"
done
works "validate" 1 validate small.yaml
works "info of a record" 1 info kept/spikes.h5
works "the effective model is a model" 1 run kept/effective.yaml --out again
[ "$(grep spike_digest kept/summary.json)" = "$(grep spike_digest again/summary.json)" ]
verdict $? "it gives the same spikes"
echo "a b c" >words.txt
refuses "info of a file of another kind" "words.txt" info words.txt

echo "$((checks - failures)) of $checks checks hold"
[ "$failures" = 0 ]
