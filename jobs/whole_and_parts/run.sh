#!/bin/sh
# Measure and draw: run.sh [OUTPUT FOLDER]. SHINKEI names the program (default: build/shinkei), PYTHON the
# interpreter (default: /usr/bin/python3).
set -e
here=$(cd "$(dirname "$0")" && pwd)
export SHINKEI="${SHINKEI:-$here/../../build/shinkei}"
if ! command -v "$SHINKEI" >/dev/null; then
  echo "run.sh: there is no program $SHINKEI: build it, or let SHINKEI name it" >&2
  exit 2
fi
mkdir -p "${1:-$here}"
exec "${PYTHON:-/usr/bin/python3}" "$here/experiment.py" --out "${1:-$here}"
