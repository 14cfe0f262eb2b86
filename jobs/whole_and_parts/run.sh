#!/bin/sh
# Measure and draw: run.sh [OUTPUT FOLDER [OPTIONS OF experiment.py]]. SHINKEI names the program (default:
# build/shinkei), PYTHON the interpreter (default: /usr/bin/python3).
set -e
here=$(cd "$(dirname "$0")" && pwd)
export SHINKEI="${SHINKEI:-$here/../../build/shinkei}"
if ! "$SHINKEI" --help >/dev/null 2>&1; then
  echo "run.sh: there is no program $SHINKEI: build it, or let SHINKEI name it" >&2
  exit 2
fi
out=${1:-$here}
[ $# = 0 ] || shift
mkdir -p "$out"
exec "${PYTHON:-/usr/bin/python3}" "$here/experiment.py" --out "$out" "$@"
