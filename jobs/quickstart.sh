#!/usr/bin/env bash
# From nothing to a picture: install what is missing (Debian 12, Ubuntu), build, simulate one second
# of the full-scale cortical microcircuit on all cores, and draw what it did.
#   jobs/quickstart.sh [FOLDER]    results go to FOLDER (default: results/quickstart, or
#                                  results/quickstart-2, ... where an earlier one stands)
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
-*)
  sed -n '2,5s/^# \?//p' jobs/quickstart.sh
  exit
  ;;
esac

free_folder() {
  local folder=$1 count=2
  while [ -e "$folder" ]; do folder=$1-$count count=$((count + 1)); done
  echo "$folder"
}
step() { echo; echo "[$1/4] $2"; }
took() { echo "      done in $((SECONDS - begun)) s"; }

out=${1:-$(free_folder results/quickstart)}
[ ! -e "$out" ] || { echo "$out holds something already; give another folder" >&2; exit 1; }

step 1 "packages that are missing (downloads up to 0.5 GB on a bare machine)"
begun=$SECONDS
. jobs/install.sh
took

step 2 "build into build/ (about a minute)"
begun=$SECONDS
mkdir -p build
shinkei_build build >build/quickstart.log 2>&1 || { tail -40 build/quickstart.log >&2; exit 1; }
took

step 3 "simulate 77,169 neurons and 0.3 billion synapses for 1 s, on $(nproc) cores (about 2 GB of memory)"
begun=$SECONDS
mkdir -p "$(dirname "$out")"
build/shinkei run jobs/microcircuit/model.yaml --duration 1000 --threads "$(nproc)" --out "$out"
took

step 4 "statistics and picture"
begun=$SECONDS
"$PYTHON" analysis/spike_statistics.py "$out/spikes.h5" --from 100 --json "$out/statistics.json"
"$PYTHON" analysis/picture.py "$out/spikes.h5" --from 100 >/dev/null
took

echo
"$PYTHON" - "$out/summary.json" <<'END'
import json, sys
s = json.load(open(sys.argv[1]))
print(f"{s['biological_ms'] / 1e3:g} s of {s['neurons']:,} neurons and {s['synapses']:,} synapses: "
      f"built in {s['build_s']:.1f} s, simulated in {s['simulate_s']:.1f} s "
      f"({s['rtf']:.2f} times real time), {s['spikes']:,} spikes")
END
cat <<END
results in $out:
  picture.png      raster of all eight populations, rates beside the published ones
  spikes.h5        every spike, in the SONATA layout
  summary.json     sizes, times, memory, digest of the spikes
  statistics.json  rates, CV of inter-spike intervals, correlations
  effective.yaml   every parameter that was used
END
