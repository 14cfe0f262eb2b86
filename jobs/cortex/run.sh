#!/bin/sh
# Measure and draw: run.sh [OUTPUT FOLDER]. SHINKEI names the program (default: build/shinkei).
set -e
here=$(cd "$(dirname "$0")" && pwd)
SHINKEI=${SHINKEI:-$here/../../build/shinkei} exec /usr/bin/python3 "$here/experiment.py" --out "${1:-$here}"
