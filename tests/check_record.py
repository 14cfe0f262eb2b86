#!/usr/bin/python3
"""What a run leaves, as a user reads it: spikes.h5 and traces.h5 with h5py, the same data
on any number of ranks, and `shinkei info` on every file, whole, foreign or damaged."""
import os
import random
import shutil
import subprocess
import sys

import h5py
import numpy as np

from program import Verdict, Workspace, command, run

MODEL = {
    "simulation": {"dt": 0.1, "duration": 60.0, "warm_up": 5.0, "seed": 7},
    "populations": {
        "E": {"size": 40, "neuron": "iaf_psc_exp", "initial": {"V_m": -58.0}},
        "nobody": {"size": 0, "neuron": "iaf_psc_exp"},
        "I": {"size": 11, "neuron": "iaf_psc_exp", "initial": {"V_m": -58.0}},
    },
    "projections": [
        {"source": "E", "target": "I", "rule": "fixed_indegree", "indegree": 5, "weight": 90.0,
         "delay": 1.5},
        {"source": "I", "target": "E", "rule": "fixed_indegree", "indegree": 3, "weight": -200.0,
         "delay": 0.8},
    ],
    "inputs": [{"target": "E", "type": "poisson", "rate": 9000.0, "weight": 90.0},
               {"target": "I", "type": "poisson", "rate": 8000.0, "weight": 90.0}],
    "record": {"traces": [{"population": "E", "nodes": ["3-4", 9], "variables": ["V_m"],
                           "interval": 0.5},
                          {"population": "I", "variables": ["V_m", "I_syn_ex"], "interval": 0.1}]},
}


def info(path):
    done = subprocess.run(command(["info", path]), capture_output=True, text=True, timeout=60,
                          errors="replace", check=False)
    return done.returncode, done.stdout, done.stderr


def check_spikes(verdict, path):
    with h5py.File(path, "r") as file:
        verdict.check(file.attrs["magic"] == 0x0A7A and file.attrs["magic"].dtype == np.uint32,
                      "magic is 0x0A7A")
        verdict.check(list(file.attrs["version"]) == [0, 1], "version is [0, 1]")
        verdict.check(list(file["spikes"]) == sorted(MODEL["populations"]), "a group a population")
        for name, group in file["spikes"].items():
            kinds = h5py.check_enum_dtype(group.attrs.get_id("sorting").dtype)
            verdict.check(kinds == {"none": 0, "by_id": 1, "by_time": 2}
                          and group.attrs.get_id("sorting").dtype == np.uint8
                          and group.attrs["sorting"] == 2, f"{name}: sorting is the enum's by_time")
            times, nodes = group["timestamps"], group["node_ids"]
            verdict.check(times.dtype == "<f8" and nodes.dtype == "<u8"
                          and times.attrs["units"] == "ms", f"{name}: float64 in ms, uint64")
            times, nodes = times[:], nodes[:]
            order = np.lexsort((nodes, times))
            verdict.check(len(times) == len(nodes) and (order == np.arange(len(times))).all(),
                          f"{name}: {len(times)} spikes in the order of time and node")
            verdict.check((len(times) > 20) == (name != "nobody"), f"{name}: fires if it is there")
            if len(times):
                verdict.check(times.min() > 5 and times.max() <= 65
                              and nodes.max() < MODEL["populations"][name]["size"],
                              f"{name}: times after the warm-up, nodes of the population")
                verdict.check(all(len(repr(float(t))) <= 5 for t in times),
                              f"{name}: times print as decimals of 0.1 ms")


def check_traces(verdict, path):
    with h5py.File(path, "r") as file:
        e, i = file["report/E"], file["report/I"]
        verdict.check(e["data"].shape == (120, 3) and i["data"].shape == (600, 22),
                      "traces: a row an interval, a column a variable of a neuron")
        verdict.check(list(e["mapping/node_ids"]) == [3, 4, 9]
                      and list(e["mapping/index_pointers"]) == [0, 1, 2, 3]
                      and list(i["mapping/element_ids"]) == [0, 1] * 11, "traces: who is where")
        verdict.check(np.allclose(e["mapping/time"], [5.5, 65.5, 0.5])
                      and e["mapping/time"].attrs["units"] == "ms"
                      and e["data"].attrs["units"] == "mV", "traces: time and unit")
        verdict.check(list(i["mapping/variables"].asstr()) == ["V_m", "I_syn_ex"]
                      and list(i["mapping/units"].asstr()) == ["mV", "pA"], "traces: names, units")
        v = e["data"][:]
        verdict.check(v.std() > 0 and -100 < v.min() and v.max() < 0, "traces: values of a membrane")


def same_data(one, other):
    """Do two files hold the same datasets?"""
    found = []
    with h5py.File(one, "r") as a, h5py.File(other, "r") as b:
        a.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset)
                     else None)
        return bool(found) and all(a[n].dtype == b[n].dtype and np.array_equal(a[n][...], b[n][...])
                                   for n in found)


def check_full_disk(verdict, model, work):
    """A disk that fills, for one process and for three: status 3, one message, what was written
    before is whole."""
    folder = work.path("disk")
    os.mkdir(folder)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1400k", "none", folder],
                             capture_output=True, check=False).returncode == 0
    if not mounted:
        print("skipped: a real full disk (mounting a small one takes root); a limit of the file "
              "size stands for it")
    limit = ["bash", "-c", 'ulimit -f "$0" && exec "$@"', "unlimited" if mounted else "1400"]
    try:
        for ranks in (1, 3):
            out = os.path.join(folder, f"out{ranks}")
            line = limit + command(["run", model, "--out", out, "--duration", "3000", "--set",
                                    "record.traces=[]", "--set", "inputs.0.rate=90000"], ranks)
            done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
            verdict.check(done.returncode == 3 and done.stderr.count("shinkei: error:") == 1
                          and "no room for" in done.stderr,
                          f"{ranks} ranks on a full disk: {done.stderr.strip()[:150]}")
            status, said, error = info(os.path.join(out, "spikes.h5"))
            # the disk may be full before the first flush: then a whole file without spikes
            verdict.check(status == 0 and ("by_time" in said or said.count("no spikes") == 3),
                          f"what was written is whole: {said}{error}")
            shutil.rmtree(out)
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)


def check_info(verdict, out, work):
    for name, words in (("spikes.h5", ["SONATA version 0.1", "by_time",
                                       "nobody: recorded from 5 to 65 ms, all of 0 neurons; no spikes"]),
                        ("traces.h5", ["V_m, I_syn_ex", "11 neurons", "every 0.5 ms"]),
                        ("effective.yaml", ["a model of 51 neurons in 3 populations"]),
                        ("summary.json", ["spike_digest", "real-time factor"]),
                        ("../model.yaml", ["a model of 51 neurons in 3 populations"])):
        path = os.path.join(out, name)
        status, said, error = info(path)
        verdict.check(status == 0 and not error and all(word in said for word in words),
                      f"info tells of {name} {said if status else ''}{error}")
    junk = work.path("junk")
    for what, content, words in (("an empty file", b"", "is empty"),
                                 ("random bytes", bytes(range(256)) * 9, "no file that shinkei"),
                                 ("other JSON", b'{"a": 1}', "not the summary"),
                                 ("a text", b"Dear diary", "junk:1"),
                                 ("a truncated HDF5 file",
                                  open(os.path.join(out, "spikes.h5"), "rb").read(3000), "junk")):
        with open(junk, "wb") as file:
            file.write(content)
        status, said, error = info(junk)
        verdict.check(status == 2 and words in error and error.count("\n") == 1 and not said,
                      f"info refuses {what}: {error.strip()}")
    status, _, error = info(work.path("none"))
    verdict.check(status == 2 and "No such file" in error, "info refuses a file that is not there")
    status, _, error = info(work.name)
    verdict.check(status == 2 and error.count("\n") == 1, "info refuses a folder")


def check_false_claims(verdict, out, work):
    """Files that say of themselves what is not so."""
    def edit(what, change, words):
        path = shutil.copy(os.path.join(out, "spikes.h5"), work.path("edited.h5"))
        with h5py.File(path, "r+") as file:
            change(file["spikes/E"])
        status, _, error = info(path)
        verdict.check(status == 2 and words in error, f"info finds {what}: {error.strip()}")

    def swap(group):
        times = group["timestamps"][:]
        group["timestamps"][:] = times[::-1]

    def cut(group):
        group["node_ids"].resize(5, axis=0)

    def spoil(group):
        group["timestamps"][3] = np.nan

    def drop(group):
        del group["node_ids"]

    def misname(group):
        group["node_ids"][2] = 40

    edit("times that are not sorted", swap, "not")
    edit("lists of different lengths", cut, "5")
    edit("a time that is no number", spoil, "finite")
    edit("a list that is missing", drop, "node_ids")
    edit("a neuron that the population has not", misname, "a spike of node 40 of 40")


def check_partition_info(verdict, model, work):
    path = work.path("partition.h5")
    subprocess.run(command(["partition", model, "--ranks", "3", "--out", path]), capture_output=True, check=True)
    status, said, _ = info(path)
    verdict.check(status == 0 and "parts that are used: 0 to 2" in said, "info tells of a partition")
    for change, words in ((lambda owner: owner.__setitem__(7, 3), "names part 3 of 3"),
                          (lambda owner: owner.parent.attrs.__setitem__("neurons", 50), "of 51 neurons, not 50")):
        edited = shutil.copy(path, work.path("edited.h5"))
        with h5py.File(edited, "r+") as file:
            change(file["owner"])
        status, _, error = info(edited)
        verdict.check(status == 2 and words in error, f"info finds a false partition: {error.strip()}")


def check_many_populations(verdict, work):
    """A file of many populations is not large before there is much in them, and goes on all the same."""
    model = work.write_model("many.yaml", {
        "simulation": {"dt": 0.1, "duration": 200.0},
        "neurons": {"cell": {"model": "iaf_psc_exp", "parameters": {"I_e": 500.0}}},
        "populations": {f"P{i}": {"size": 2, "neuron": "cell"} for i in range(400)}})
    run(model, work.path("whole"))
    run(model, work.path("parts"), "--duration", "100", "--checkpoint-at-end", ranks=2)
    run(model, work.path("parts"), "--restart", work.path("parts"))
    paths = [os.path.join(work.path(name), "spikes.h5") for name in ("whole", "parts")]
    verdict.check(same_data(*paths), "400 populations: the same data after a restart")
    size = os.path.getsize(paths[0]) / 400
    verdict.check(size < 50_000, f"400 populations: {size / 1000:.0f} kB each")


def check_damage(verdict, out, work):
    """Flipped bytes and cuts: info says something or refuses, in one message, and never hangs."""
    with open(os.path.join(out, "spikes.h5"), "rb") as file:
        whole = file.read()
    rng = random.Random(1)
    # the headers and trees stand in front; what follows is mostly data
    wrong = refused = 0
    path = work.path("damaged.h5")
    for trial in range(30):
        data = bytearray(whole)
        if trial % 3 == 0:
            data = data[:rng.randrange(8, len(data))]
        else:
            for _ in range(trial % 5 + 1):
                data[rng.randrange(8, 9000)] ^= 1 << rng.randrange(8)
        with open(path, "wb") as file:
            file.write(data)
        status, _, error = info(path)
        refused += status != 0
        if status not in (0, 2) or (status == 2 and error.count("shinkei: error:") != 1):
            wrong += 1
            print(trial, status, error[-500:])
    verdict.check(wrong == 0 and refused > 5, f"30 damaged files: {refused} refused, no crash")


def check_unsound_ids(verdict, work):
    """Others' files: what a run would refuse is not described as sound."""
    path, sound = work.path("others.h5"), [0, 1, 2]
    for source, weight, words in (([0, 1, -1], [1, 2, 3], "value 2 is -1: ids are 0 or more"),
                                  ([0, 1, 2.5], [1, 2, 3], "must be a one-dimensional array of integers"),
                                  ([[0, 1], [2, 3], [4, 5]], [1, 2, 3], "must be a one-dimensional array of"),
                                  (sound, [1, 2], "syn_weight has 2 values for 3 edges"),
                                  (sound, [1, 2, 3], None)):
        with h5py.File(path, "w") as file:
            edges = file.create_group("edges/e")
            edges["source_node_id"], edges["target_node_id"], edges["0/syn_weight"] = source, sound, weight
        status, text, fault = info(path)
        verdict.check((status, words in fault) == (2, True) if words else status == 0 and "edges e: 3" in text,
                      f"edges: {fault.strip() or 'sound ones are described'}")
    with h5py.File(path, "w") as file:
        file["spikes/A/timestamps"], file["spikes/A/node_ids"] = [1.0, 2.0], [0, -2]
    status, _, fault = info(path)
    verdict.check(status == 2 and "value 1 is -2: ids are 0 or more" in fault, f"spikes: {fault.strip()}")


def check_no_columns(verdict, work):
    """Reports of nothing are reports: rows without columns, on any ranks and after a restart."""
    nothing = [{"population": "nobody", "variables": ["V_m"], "interval": 1.0},
               {"population": "I", "nodes": [], "variables": ["V_m", "I_syn_ex"], "interval": 0.5}]
    model = work.write_model("nothing.yaml", {**MODEL, "record": {"traces": nothing}})
    unbroken = work.path("nothing")
    run(model, unbroken, "--duration", "8")
    for ranks in (1, 3, 5):
        out = work.path(f"nothing{ranks}")
        run(model, out, "--duration", "4", "--checkpoint-at-end", ranks=ranks)
        run(model, out, "--duration", "8", "--restart", out, ranks=6 - ranks)
        path = os.path.join(out, "traces.h5")
        with h5py.File(path, "r") as file:
            shapes = [file[f"report/{name}/data"].shape for name in ("nobody", "I")]
            i = file["report/I/mapping"]
            verdict.check(shapes == [(8, 0), (16, 0)] and len(i["node_ids"]) == 0
                          and list(i["index_pointers"]) == [0] and len(i["element_ids"]) == 0
                          and list(i["variables"].asstr()) == ["V_m", "I_syn_ex"]
                          and np.allclose(i["time"], [5.5, 13.5, 0.5]),
                          f"reports without columns, {ranks} ranks, then {6 - ranks}: {shapes}")
        verdict.check(same_data(path, os.path.join(unbroken, "traces.h5")),
                      "they are those of a run that was not broken")
        status, said, error = info(path)
        verdict.check(status == 0 and "V_m [mV] of 0 neurons, every 1 ms from 6 to 13 ms: 8 rows" in said,
                      f"info tells of them: {said}{error}")


def check_memory(verdict, work):
    """What is kept until it is written does not grow with the run: 15 million values, 7.5 million spikes."""
    for name, parameters, record in (
            ("traces", {"I_e": 300.0},
             {"traces": [{"population": "E", "variables": ["V_m"], "interval": 0.1}]}),
            ("spikes", {"I_e": 1e8, "t_ref": 0.1}, {})):
        model = work.write_model(f"many_{name}.yaml", {
            "simulation": {"duration": 1500.0},
            "populations": {"E": {"size": 1000, "neuron": "iaf_psc_exp", "parameters": parameters}},
            "record": record})
        for ranks in (1, 2):
            out = work.path(f"many_{name}{ranks}")
            summary = run(model, out, ranks=ranks)
            peak = summary["peak_rss_bytes"]["max"] / 1e6
            with h5py.File(os.path.join(out, name + ".h5"), "r") as file:
                data = file["report/E/data" if name == "traces" else "spikes/E/node_ids"]
                verdict.check(data.size >= 7_500_000 and peak < 150,
                              f"{ranks} ranks, {data.size} {name}: at most {peak:.0f} MB a rank")
    for name in ("traces", "spikes"):  # last: the system counts what this process holds as a run's, too
        paths = [os.path.join(work.path(f"many_{name}{ranks}"), name + ".h5") for ranks in (1, 2)]
        verdict.check(same_data(*paths), f"the same {name}, whenever they were written")


def main():
    verdict = Verdict()
    with Workspace() as work:
        model = work.write_model("model.yaml", MODEL)
        outs = []
        for ranks in (1, 2, 3, 4):
            outs.append(work.path(f"out{ranks}"))
            run(model, outs[-1], "--partition", "round_robin" if ranks % 2 else "block",
                ranks=ranks)
        check_spikes(verdict, os.path.join(outs[0], "spikes.h5"))
        check_traces(verdict, os.path.join(outs[0], "traces.h5"))
        for ranks, out in enumerate(outs[1:], 2):
            for name in ("spikes.h5", "traces.h5"):
                verdict.check(same_data(os.path.join(outs[0], name), os.path.join(out, name)),
                              f"{name}: the same data on {ranks} ranks as on one")
        check_unsound_ids(verdict, work)
        check_no_columns(verdict, work)
        check_memory(verdict, work)
        check_full_disk(verdict, model, work)
        check_many_populations(verdict, work)
        check_info(verdict, outs[0], work)
        check_partition_info(verdict, model, work)
        check_false_claims(verdict, outs[0], work)
        check_damage(verdict, outs[0], work)
    verdict.finish()


if __name__ == "__main__":
    sys.exit(main())
