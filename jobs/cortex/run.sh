#!/bin/sh
# experiment.py [FOLDER], by the Python that PYTHON names (default: /usr/bin/python3).
exec "${PYTHON:-/usr/bin/python3}" "$(dirname "$0")/experiment.py" "$@"
