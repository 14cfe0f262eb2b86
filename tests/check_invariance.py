#!/usr/bin/python3
"""One model and seed give the same spikes on 1, 2, 3 and 4 ranks, with 1 and 2 threads, and with
every partition: the digest, and the record itself, on a reduced cortical microcircuit and on the
fly's optic lobe (where the data are). Nor does it matter how many steps are sent at once."""
import os
import shutil
import sys

import h5py

from program import SOURCE, Verdict, Workspace, record_of, run, same_record

RANKS, THREADS = (1, 2, 3, 4), (1, 2)
METHODS = ("metis", "block", "round_robin", "random")


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
                    verdict.check(summary["spikes"] > 500,
                                  f"{where}: {summary['spikes']} spikes to compare")
                    continue
                verdict.check(summary["spike_digest"] == first[0] and same_record(record, first[1]),
                              f"{where}: digest {summary['spike_digest']}")


def balanced(delay, interval=None, relay=False):
    """A balanced network with one delay [ms]; an interval [ms] at which potentials are recorded; a
    population that fires in the step in which input arrives, and gets none."""
    model = {"simulation": {"dt": 0.1, "duration": 100, "seed": 3}, "populations": {}, "projections": [],
             "inputs": [], "record": {"spikes": "all"}}
    for name, size, tau in (("E", 800, 2), ("I", 200, 3)):
        model["populations"][name] = {"size": size, "neuron": "iaf_psc_exp",
                                      "parameters": {"tau_syn_in": tau}}
        model["inputs"].append({"type": "poisson", "target": name, "rate": 9000, "weight": 45})
        for source, indegree, weight in (("E", 80, 30), ("I", 20, -180)):
            model["projections"].append({"source": source, "target": name, "rule": "fixed_indegree",
                                         "indegree": indegree, "weight": weight, "delay": delay})
    model["inputs"] += [
        {"type": "dc", "target": "E", "amplitude": 90, "start": 20.1, "stop": 60},
        {"type": "poisson", "target": "I", "rate": 3000, "weight": 60, "start": 33.3, "stop": 70.2},
        {"type": "spike_trains", "target": "I", "nodes": [3, 77], "weight": 900,
         "times": [0, 0.1, 41.7, 99.9, 100]}]
    if interval:
        model["record"]["traces"] = [{"population": "E", "nodes": [5, 700], "variables": ["V_m"],
                                      "interval": interval}]
    if relay:
        model["populations"]["relay"] = {"size": 3, "neuron": "parrot"}
    return model


def final_state(out):
    """{path: array} of the balanced network's neurons in the checkpoint at the end."""
    state = {}
    with h5py.File(os.path.join(out, "checkpoint-000000000001000.h5"), "r") as file:
        for name in ("E", "I"):
            state |= {f"{name}/{key}": data[:] for key, data in file["neurons"][name].items()}
    return state


def check_exchange(verdict, work):
    """Spikes are sent once in every shortest delay and a step; without the step where a neuron may
    answer input in the step in which it arrives, or where traces are recorded, and then when one is
    due. The spikes are the same, and the state at the end."""
    for delay in (0.1, 1.5):
        digests, first = set(), None
        for how, every in (({}, delay + 0.1), ({"relay": True}, delay),
                           ({"interval": 0.7}, min(0.7, delay)), ({"interval": 0.1}, 0.1)):
            model = work.write_model("balanced.yaml", balanced(delay, **how))
            for ranks, threads in ((1, 1), (1, 2), (2, 1), (3, 2)):
                out = work.path("out")
                summary = run(model, out, "--checkpoint-at-end", ranks=ranks, threads=threads)
                state = final_state(out)
                shutil.rmtree(out)
                digests.add(summary["spike_digest"])
                first = first or state
                sent = summary["messages"] / (ranks * (ranks - 1)) if ranks > 1 else 0
                least = 100 / every if ranks > 1 else 0
                where = f"delay {delay} ms, {how}, {ranks} ranks x {threads} threads"
                verdict.check(least <= sent <= 1.2 * least + 10 and summary["spikes"] > 500,
                              f"{where}: {sent:g} messages to each rank, {summary['spikes']} spikes")
                verdict.check(same_record(state, first), f"{where}: the same final state")
        verdict.check(len(digests) == 1,
                      f"delay {delay} ms: one digest for all of them, {', '.join(digests)}")


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
        check_exchange(verdict, work)
        lobe = optic_lobe(work)
        if lobe:
            check_model(verdict, work, "optic lobe", lobe, "--duration", 20)
        else:
            print("skipped: the optic lobe, whose data are not here (SHINKEI_SHARED)")
    verdict.finish()


if __name__ == "__main__":
    main()
