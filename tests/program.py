"""Run shinkei as a user does, for the end-to-end tests (check_*.py), and read what it leaves.

Environment: SHINKEI, the binary; SHINKEI_SOURCE, the source tree; SHINKEI_SHARED, the folder of
reference data (default: shared/ beside the source tree).
"""
import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import yaml

SOURCE = os.environ.get("SHINKEI_SOURCE") or os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))
BINARY = os.environ.get("SHINKEI") or os.path.join(SOURCE, "build", "shinkei")
TIMEOUT = 600  # [s] a run that takes longer hangs

os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
os.environ.setdefault("OMPI_MCA_rmaps_base_oversubscribe", "1")
os.environ.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")
# Where a rank ends with a status mpirun signals the others, which ended too, and would wait a second.
os.environ.setdefault("OMPI_MCA_odls_base_sigkill_timeout", "0")
# Open MPI removes its folder in /tmp under the feet of other jobs that begin at the same time.
if "OMPI_MCA_orte_tmpdir_base" not in os.environ:
    os.environ["OMPI_MCA_orte_tmpdir_base"] = tempfile.mkdtemp(prefix="shinkei-")
    atexit.register(shutil.rmtree, os.environ["OMPI_MCA_orte_tmpdir_base"], ignore_errors=True)


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def shared_path(*parts):
    """Of reference data that may not be there."""
    folder = os.environ.get("SHINKEI_SHARED") or os.path.join(SOURCE, "..", "shared")
    return os.path.abspath(os.path.join(folder, *parts))


def shared(*parts):
    """Path of reference data; skips the test where it is not there."""
    path = shared_path(*parts)
    if not os.path.exists(path):
        skip(f"no reference data: {path} (SHINKEI_SHARED names the folder)")
    return path


class Workspace(tempfile.TemporaryDirectory):
    """A temporary folder; with Workspace() as work: work.path("model.yaml")."""

    def __enter__(self):
        super().__enter__()
        return self

    def path(self, name):
        return os.path.join(self.name, name)

    def write_model(self, name, model):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as file:
            yaml.safe_dump(model, file, sort_keys=False)
        return path


def command(arguments, ranks=1):
    """`ranks` 1 is the plain program, without mpirun."""
    launcher = [] if ranks == 1 else ["mpirun", "-n", str(ranks)]
    return launcher + [BINARY, *map(str, arguments)]


def run(model, out, *options, ranks=1, threads=1):
    """`shinkei run`, which must succeed; returns its summary."""
    line = command(["run", model, "--out", out, "--threads", threads, *options], ranks)
    done = subprocess.run(line, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode != 0:
        raise SystemExit(f"status {done.returncode} from {' '.join(line)}\n{done.stdout}"
                         f"{done.stderr}")
    with open(os.path.join(out, "summary.json"), encoding="utf-8") as file:
        return json.load(file)


def steps(time, dt=0.1):
    """Times [ms] as numbers of steps; an error where one is not a multiple of dt."""
    step = np.rint(np.asarray(time) / dt).astype(np.int64)
    worst = np.abs(step * dt - time).max(initial=0)
    if worst > 1e-6:
        raise SystemExit(f"a time stamp lies {worst} ms beside a step")
    return step


def spikes(out, population, dt=0.1):
    """(step[n], node[n]) in the order of the file."""
    with h5py.File(os.path.join(out, "spikes.h5"), "r") as file:
        group = file[f"spikes/{population}"]
        return steps(group["timestamps"][:], dt), group["node_ids"][:].astype(np.int64)


def first_difference(found, wanted):
    """What differs first between two lists of (step, node) arrays, in words; None: nothing."""
    for i, (a, b) in enumerate(zip(zip(*found), zip(*wanted))):
        if a != b:
            return f"spike {i}: found (step, node) {a}, expected {b}"
    if len(found[0]) != len(wanted[0]):
        return f"found {len(found[0])} spikes, expected {len(wanted[0])}"
    return None


class Verdict:
    """Collects what failed; print every line, then exit with finish()."""

    def __init__(self):
        self.checks, self.failures = 0, 0

    def check(self, holds, text):
        self.checks += 1
        self.failures += not holds
        print(("ok      " if holds else "FAILED  ") + text, flush=True)

    def finish(self):
        if self.checks == 0:
            print("FAILED  nothing was checked")
        print(f"{self.checks - self.failures} of {self.checks} checks hold")
        sys.exit(0 if self.checks and not self.failures else 1)


def record_of(out):
    """All data of the spikes file: {path: array}."""
    found = {}

    def keep(path, item):
        if isinstance(item, h5py.Dataset):
            found[path] = item[:]

    with h5py.File(os.path.join(out, "spikes.h5"), "r") as file:
        file.visititems(keep)
    return found


def same_record(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[path], b[path]) for path in a)
