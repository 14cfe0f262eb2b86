#!/usr/bin/python3
"""One model and seed give the same spikes on 1, 2, 3 and 4 ranks, with 1 and 2 threads, and with
every partition: the digest, and the record itself, on a reduced cortical microcircuit and on the
fly's optic lobe (where the data are)."""
import os
import shutil
import sys

import h5py
import numpy as np

from program import SOURCE, Verdict, Workspace, run

RANKS, THREADS = (1, 2, 3, 4), (1, 2)
METHODS = ("metis", "block", "round_robin", "random")


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


def check_model(verdict, work, name, model, *options):
    first = None
    for ranks in RANKS:
        for threads in THREADS:
            for method in METHODS:
                out = work.path("out")
                summary = run(model, out, "--partition", method, *options, ranks=ranks,
                              threads=threads)
                record = record_of(out)
                shutil.rmtree(out)
                where = f"{name}: {ranks} ranks x {threads} threads, {method}"
                if first is None:
                    first = (summary["spike_digest"], record)
                    verdict.check(summary["spikes"] > 1000,
                                  f"{where}: {summary['spikes']} spikes to compare")
                    continue
                verdict.check(summary["spike_digest"] == first[0] and same_record(record, first[1]),
                              f"{where}: digest {summary['spike_digest']}")


def optic_lobe(work):
    """Model file of the optic lobe under its own Poisson input; None where there are no data."""
    sys.path.insert(0, os.path.join(SOURCE, "jobs", "fly"))
    import make_model
    folder = os.environ.get("SHINKEI_SHARED") or os.path.join(SOURCE, "..", "shared")
    data = os.path.join(folder, "data", "fly_optic_lobe", "network")
    if not os.path.exists(data):
        return None
    driven = ",".join(map(str, range(0, 45669, 13)))
    options = make_model.parser().parse_args([
        "--edges", os.path.join(data, "ol_ol_edges.h5"), "--nodes", os.path.join(data, "ol_nodes.h5"),
        "--drive", driven, "--rate", "40", "--scale", "1.0"])
    return work.write_model("optic_lobe.yaml", make_model.build(options))


def main():
    verdict = Verdict()
    with Workspace() as work:
        small = os.path.join(SOURCE, "tests", "models", "microcircuit_small.yaml")
        check_model(verdict, work, "microcircuit", small, "--duration", 200)
        lobe = optic_lobe(work)
        if lobe:
            check_model(verdict, work, "optic lobe", lobe, "--duration", 20)
        else:
            print("skipped: the optic lobe, whose data are not here (SHINKEI_SHARED)")
    verdict.finish()


if __name__ == "__main__":
    main()
