#!/bin/sh
# Measure and draw: run.sh [OUTPUT FOLDER [OPTION ...]], options as experiment.py --help lists them. SHINKEI
# names the program (default: build/shinkei), PYTHON the interpreter (default: /usr/bin/python3).
set -e
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
case $out in -*)
  echo "run.sh: the first argument is the output folder, not '$out'" >&2
  exit 2
esac
[ $# = 0 ] || shift
mkdir -p "$out"
exec "${PYTHON:-/usr/bin/python3}" "$here/experiment.py" --out "$out" "$@"
