#!/usr/bin/python3
"""Memory is predicted before it is needed: neither far below what a run then takes, nor far above,
whatever the rule, the partition, the precision and the number of ranks; and a network that does not
fit is refused before its edges are read."""
import re
import subprocess

import h5py
import numpy as np

from program import Verdict, Workspace, command, run

NEURONS, EDGES = 10000, 700000
DEGREE = EDGES // NEURONS
LEAST, MOST = 0.9, 1.4  # prediction over measurement
CASES = [  # rule, partition, ranks, threads, precision
    ("file", "metis", 2, 1, "single"), ("file", "round_robin", 2, 1, "single"),
    ("file", "metis", 1, 1, "double"), ("file", "metis", 1, 2, "single"),
    ("fixed_outdegree", "metis", 1, 1, "single"), ("fixed_outdegree", "block", 2, 1, "double"),
    ("fixed_indegree", "round_robin", 2, 1, "single"), ("fixed_total", "metis", 1, 1, "double"),
    ("pairwise_bernoulli", "metis", 2, 1, "single")]


def write_edges(path):
    rng = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        edges = file.create_group("edges/wiring")
        edges["source_node_id"] = rng.integers(0, NEURONS, EDGES)
        edges["target_node_id"] = rng.integers(0, NEURONS, EDGES)
        edges["0/weight"] = rng.integers(-9, 10, EDGES).astype(np.int32)


def write_empty_edges(path, edges):
    """A file that claims edges without holding any: they would all read as 0."""
    with h5py.File(path, "w") as file:
        for name in ("source_node_id", "target_node_id"):
            file.create_dataset(f"edges/wiring/{name}", (edges,), np.int64, chunks=(1 << 20,))


def model(rule, precision="single", **settings):
    projection = {"source": "E", "target": "E", "rule": rule, "weight": 1.0, "delay": 1.5}
    return {"simulation": {"dt": 0.1, "duration": 2.0, "seed": 1, "precision": precision},
            "populations": {"E": {"size": NEURONS, "neuron": "iaf_psc_exp", "expected_rate": 5}},
            "projections": [{**projection, **settings}]}


def predicted(path, partition, ranks, threads):
    """(largest rank, all ranks) [B]"""
    done = subprocess.run(command(["plan", path, "--ranks", ranks, "--threads", threads,
                                   "--partition", partition]),
                          capture_output=True, text=True, check=True)
    row = re.search(r"^ +\d+ +([\d.]+) +([\d.]+)", done.stdout, re.M)
    return [float(number) * 1e9 for number in row.groups()]


def check_case(verdict, work, settings, rule, partition, ranks, threads, precision):
    path = work.write_model("model.yaml", model(rule, precision, **settings[rule]))
    summary = run(path, work.path("results"), "--overwrite", "--partition", partition,
                  ranks=ranks, threads=threads)["peak_rss_bytes"]
    found = predicted(path, partition, ranks, threads)
    ratio = [found[0] / summary["max"], found[1] / summary["sum"]]
    verdict.check(all(LEAST <= r <= MOST for r in ratio),
                  f"{rule}, {partition}, {ranks} ranks x {threads}, {precision}: predicted "
                  f"{found[0] / 1e6:.0f} and {found[1] / 1e6:.0f} MB (largest, all), over measured "
                  f"{ratio[0]:.2f} and {ratio[1]:.2f}")


def check_spike_trains(verdict, work):
    """From files, and so many that the rest of the run is small beside them."""
    spikes, rng = 2000000, np.random.default_rng(1)
    for words, targets in (("all neurons", ["E"]), ("ten neurons on one rank", ["few"]),
                           ("all neurons by ten files", ["E"] * 10), ("two populations", ["E", "F"])):
        settings = model("fixed_indegree", indegree=1)
        settings["populations"] |= {"F": settings["populations"]["E"], "few": {"size": 10, "neuron": "iaf_psc_exp"}}
        settings["inputs"], files = [], len(targets)
        for k, target in enumerate(targets):
            path = work.path(f"trains{k}.h5")
            with h5py.File(path, "w") as file:
                file[f"spikes/{target}/timestamps"] = np.sort(rng.integers(1, 21, spikes // files)) * 0.1
                file[f"spikes/{target}/node_ids"] = rng.integers(0, settings["populations"][target]["size"],
                                                                spikes // files)
            settings["inputs"].append({"type": "spike_trains", "target": target, "weight": 1.0, "file": path})
        path = work.write_model("trains.yaml", settings)
        for ranks in (1, 2):
            peak = run(path, work.path("results"), "--overwrite", "--partition", "block", ranks=ranks,
                       threads=1)["peak_rss_bytes"]
            found = predicted(path, "block", ranks, 1)
            ratio = [found[0] / peak["max"], found[1] / peak["sum"]]
            verdict.check(all(LEAST <= r <= MOST for r in ratio) and peak["sum"] > 40 * spikes,
                          f"spikes given to {words}, {ranks} ranks: predicted over measured, largest "
                          f"{ratio[0]:.2f}, all {ratio[1]:.2f}")


def check_refusal(verdict, work):
    edges = work.path("empty.h5")
    write_empty_edges(edges, 10**12)
    path = work.write_model("large.yaml", model("file", file=edges, edges="wiring"))
    for ranks in (1, 2):
        done = subprocess.run(command(["run", path, "--out", work.path("none")], ranks), text=True,
                              capture_output=True, timeout=30, check=False)
        verdict.check(done.returncode == 2 and "1e+12 synapses" in done.stderr,
                      f"10^12 edges are refused before they are read, {ranks} ranks: "
                      f"{done.stderr[:160]}")


def main():
    verdict = Verdict()
    with Workspace() as work:
        write_edges(work.path("edges.h5"))
        settings = {"file": {"file": work.path("edges.h5"), "edges": "wiring",
                             "weight": {"attribute": "weight"}},
                    "fixed_outdegree": {"outdegree": DEGREE}, "fixed_indegree": {"indegree": DEGREE},
                    "fixed_total": {"total": EDGES},
                    "pairwise_bernoulli": {"probability": DEGREE / NEURONS}}
        for case in CASES:
            check_case(verdict, work, settings, *case)
        check_spike_trains(verdict, work)
        check_refusal(verdict, work)
    verdict.finish()


main()
