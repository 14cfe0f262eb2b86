#!/usr/bin/python3
"""shinkei perturb: circuits whose transition table is known give exactly that table, and the Phi that
is published for it; a table is what separate runs with given spikes show; it is the same bytes on any
number of ranks, groups and threads and with any partition; what is wrong with a request is one message."""
import glob
import json
import os
import signal
import subprocess
import time

import h5py
import numpy as np

from program import TIMEOUT, Verdict, Workspace, command, run, spikes

DT = 0.1


def perturb(*options, ranks=1):
    return subprocess.run(command(["perturb", *options], ranks), capture_output=True, text=True,
                          timeout=TIMEOUT, check=False)


def table(checkpoint, *options, ranks=1):
    """The table as written to standard output."""
    done = perturb(checkpoint, *options, ranks=ranks)
    if done.returncode:
        raise SystemExit(f"status {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def bits(n):
    """[2^n, n] states, node 0 varying fastest."""
    return np.arange(2**n)[:, None] >> np.arange(n) & 1


def checkpoint_of(work, name, model):
    """Folder of a run that is saved at its end."""
    run(work.write_model(f"{name}.yaml", model), work.path(name), "--checkpoint-at-end")
    return work.path(name)


def one(neuron="parrot"):
    return {"size": 1, "neuron": neuron}


def wire(source, target, weight, delay, **more):
    return {"source": source, "target": target, "rule": "one_to_one", "weight": weight,
            "delay": delay, **more}


def simulation(duration, **more):
    return {"dt": DT, "duration": duration, "seed": 5, **more}


def xor_circuit():
    """Each of A, B, C fires where one of the two others did, 1 ms ago. Where both did, a hidden
    neuron, which two inputs bring above its threshold, takes both away again."""
    names = "ABC"
    projections = []
    for k, name in enumerate(names):
        for other in (names[(k + 1) % 3], names[(k + 2) % 3]):
            projections.append(wire(other, name, 1, 1.0))
            projections.append(wire(other, "both" + name, 5, 0.1, receptor="v"))
        projections.append(wire("both" + name, name, -2, 0.8))
    return {"simulation": simulation(5),
            "populations": {**{name: one() for name in names},
                            **{"both" + name: one("shiu_lif") for name in names}},
            "projections": projections}


def ring_circuit(spike=None):
    """A to B to C to A, 1 ms each; a given spike of A [ms]."""
    model = {"simulation": simulation(20), "populations": {name: one() for name in "ABC"},
             "projections": [wire("A", "B", 1, 1.0), wire("B", "C", 1, 1.0), wire("C", "A", 1, 1.0)]}
    if spike:
        model["inputs"] = [{"type": "spike_trains", "target": "A", "weight": 1, "times": [spike]}]
    return model


def threshold_circuit(neuron, weight, **more):
    """AND: C fires where A and B did; A and B have no input."""
    return {"simulation": simulation(5, **more),
            "populations": {"A": one(), "B": one(), "C": {"size": 1, "neuron": neuron}},
            "projections": [wire("A", "C", weight, 0.1), wire("B", "C", weight, 0.1)]}


def driven_neuron(neuron, weight, spike, **receptor):
    """A drives C, and so does a given spike [ms]."""
    return {"simulation": simulation(5), "populations": {"A": one(), "C": one(neuron)},
            "projections": [wire("A", "C", weight, 0.1, **receptor)],
            "inputs": [{"type": "spike_trains", "target": "C", "weight": weight, "times": [spike],
                        **receptor}]}


def noisy_network(given=None):
    """Forty neurons under Poisson input; three parrots that follow three of them and drive all.
    given: (spike time, parrots)."""
    inputs = [{"type": "poisson", "target": "E", "rate": 2000, "weight": 90}]
    if given and given[1]:
        inputs.append({"type": "spike_trains", "target": "P", "nodes": given[1], "weight": 1,
                       "times": [given[0]]})
    return {"simulation": simulation(20, seed=3), "inputs": inputs,
            "populations": {"E": {"size": 40, "neuron": "iaf_psc_exp"},
                            "P": {"size": 3, "neuron": "parrot"}},
            "projections": [
                {"source": "E", "target": "E", "rule": "fixed_indegree", "indegree": 8,
                 "weight": 60, "delay": {"uniform": {"low": 0.5, "high": 2.0}}},
                {"source": "E", "target": "P", "rule": "fixed_indegree", "indegree": 2, "weight": 1,
                 "delay": 0.5},
                {"source": "P", "target": "E", "rule": "all_to_all", "weight": 300,
                 "delay": 0.7}]}


def check_known(verdict, work):
    state = bits(3)
    xor = np.stack([state[:, 1] ^ state[:, 2], state[:, 0] ^ state[:, 2],
                    state[:, 0] ^ state[:, 1]], axis=1)
    folder = checkpoint_of(work, "xor", xor_circuit())
    nodes = ["--nodes", "A:0,B:0,C:0", "--bin", 1]
    found = table(folder, *nodes)
    verdict.check(found["tpm"] == xor.tolist(), "the XOR circuit: its table, exactly")
    verdict.check(found["nodes"] == ["A:0", "B:0", "C:0"] and found["state"] == [0, 0, 0]
                  and found["order"] == "little-endian" and found["states"][1] == "100",
                  "names of the nodes, the state at the checkpoint, the order of states")
    for ending in ("json", "h5"):
        out = work.path(f"xor-table.{ending}")
        done = perturb(folder, *nodes, "--out", out)
        verdict.check(done.returncode == 0 and done.stdout == "", f"a table is written as {ending}")
        done = subprocess.run(command(["phi", "--table", out, "--measures", "iit3,EI"]),
                              capture_output=True, text=True, check=False)
        measures = json.loads(done.stdout)["measures"]
        verdict.check(abs(measures["iit3"]["value"] - 1.875) < 1e-9
                      and abs(measures["EI"]["value"] - 2) < 1e-12,
                      f"shinkei phi reads the {ending}: Phi of the XOR circuit is 1.875, EI is 2")
    with h5py.File(work.path("xor-table.h5")) as file:
        verdict.check(np.array_equal(file["times_on"][:], xor)
                      and [x.decode() for x in file["nodes"][:]] == found["nodes"]
                      and json.loads(file.attrs["about"])["bin_ms"] == 1,
                      "the HDF5 form holds counts, nodes and origin")
    found = table(folder, "--nodes", "C:0,A:0,B:0", "--bin", 1, ranks=2)
    verdict.check(found["tpm"] == xor.tolist() and found["nodes"][0] == "C:0",
                  "nodes stand in the order they are named in")
    found = table(folder, *nodes[:-1], 0.9)
    verdict.check(not np.any(found["tpm"]), "nothing within 0.9 ms")
    found = table(folder, *nodes[:-1], 0.1, "--delay", 0.9)
    verdict.check(found["tpm"] == xor.tolist(), "all of it in the one step after a delay of 0.9 ms")


def check_neurons(verdict, work):
    """A neuron on fires at once and is refractory; one off does neither."""
    state = bits(3)
    for neuron, weight in (("shiu_lif", 120), ("iaf_psc_exp", 3500)):
        for precision in ("single", "double"):
            folder = checkpoint_of(work, f"and-{neuron}-{precision}",
                                   threshold_circuit(neuron, weight, precision=precision))
            found = table(folder, "--nodes", "A:0,B:0,C:0", "--bin", 1)
            wanted = np.zeros((8, 3))
            wanted[:, 2] = state[:, 0] & state[:, 1] & ~state[:, 2]
            verdict.check(found["tpm"] == wanted.tolist(),
                          f"{neuron}, {precision}: C = A and B, but for C just having fired")
    crossing = checkpoint_of(work, "crossing", driven_neuron("iaf_psc_exp", 60000, 5.0))
    verdict.check(table(crossing, "--nodes", "C:0", "--bin", 1)["tpm"] == [[1.0], [0.0]],
                  "iaf_psc_exp about to fire: its current makes it fire later if it is off, not if "
                  "it is on")
    crossing = checkpoint_of(work, "crossing-v", driven_neuron("shiu_lif", 20, 5.0, receptor="v"))
    verdict.check(table(crossing, "--nodes", "C:0", "--bin", 1)["tpm"] == [[0.0], [0.0]],
                  "shiu_lif about to fire: its potential is taken from it")
    fired = checkpoint_of(work, "fired", driven_neuron("shiu_lif", 20, 4.5, receptor="v"))
    found = table(fired, "--nodes", "A:0,C:0", "--bin", 1)
    verdict.check(found["tpm"] == [[0, 0], [0, 1], [0, 0], [0, 0]] and found["about"][
        "state_window_ms"] == DT, "shiu_lif refractory at the checkpoint: one that is off is not")
    ring = checkpoint_of(work, "ring", ring_circuit(19.5))
    found = table(ring, "--nodes", "A:0,B:0,C:0", "--bin", 1)
    wanted = state[:, [2, 0, 1]].astype(float)
    wanted[:, 1] = 1
    verdict.check(found["state"] == [1, 0, 0], "A fired in the bin before the checkpoint")
    verdict.check(found["tpm"] == wanted.tolist(), "a spike under way at the checkpoint arrives")


def check_against_runs(verdict, work):
    """Parrots made to fire by given spikes, in runs from the very start."""
    folder = checkpoint_of(work, "noisy", noisy_network())
    begin, length = round(20 / DT), 30
    found = table(folder, "--nodes", "P:0-2", "--bin", length * DT)
    wanted = []
    for state in bits(3):
        parrots = [int(k) for k in np.flatnonzero(state)]
        model = noisy_network((record_time(begin + 1), parrots))
        run(work.write_model("given.yaml", model), work.path("given"), "--overwrite", "--duration",
            20 + (1 + length) * DT)
        step, node = spikes(work.path("given"), "P")
        imposed = sorted(set(node[step == begin + 1]))
        verdict.check(imposed == parrots, f"parrots {parrots} fire in the imposed step")
        after = node[(step > begin + 1) & (step <= begin + 1 + length)]
        wanted.append([float(k in after) for k in range(3)])
    verdict.check(found["tpm"] == wanted and 0 < np.mean(wanted) < 1,
                  f"the table is what {len(wanted)} runs with given spikes show: {wanted}")


def record_time(step):
    return round(step * DT, 6)


def check_same_everywhere(verdict, work):
    folder = work.path("noisy")
    options = ["--nodes", "P:0,E:3,P:2", "--bin", 3, "--repeats", 20]
    first = perturb(folder, *options, "--threads", 1)
    found = json.loads(first.stdout)
    p = np.array(found["tpm"])
    verdict.check(np.any((p > 0) & (p < 1)), "resampled background: some shares lie between 0 and 1")
    verdict.check(np.array_equal(np.array(found["about"]["times_on"]) / 20, p)
                  and np.allclose(found["about"]["standard_error"], np.sqrt(p * (1 - p) / 19)),
                  "shares are times on over repeats, with their standard errors")
    runs = [(1, None, 2, "metis"), (2, None, 2, "random"), (2, 1, 1, "round_robin"), (2, 2, 1, "metis"),
            (3, 1, 1, "random"), (3, 2, 1, "metis"), (3, 3, 1, "metis"), (4, None, 1, "metis"),
            (4, 1, 1, "metis"), (4, 2, 1, "round_robin"), (4, 4, 1, "metis")]
    for ranks, groups, threads, method in runs:
        more = ["--groups", groups] if groups else []
        done = perturb(folder, *options, "--threads", threads, "--partition", method, *more, ranks=ranks)
        size = {1: "", 3 / 2: " of 1 or 2 ranks"}.get(ranks / (groups or ranks),
                                                      f" of {ranks // (groups or ranks)} rank")
        said = f"perturb: {groups or ranks} group{'s' if groups != 1 else ''}{size}"
        verdict.check(done.stdout == first.stdout and len(first.stdout) > 100
                      and (ranks == 1 or said in done.stderr),
                      f"{ranks} ranks, groups: {groups or 'as many'}, {threads} threads, {method}: the same bytes")
    tables = []
    for ranks in (1, 2):
        perturb(folder, *options, "--out", work.path(f"same-{ranks}.h5"), ranks=ranks)
        with open(work.path(f"same-{ranks}.h5"), "rb") as file:
            tables.append(file.read())
        time.sleep(1.1)  # the resolution of times in HDF5
    verdict.check(tables[0] == tables[1], "the same bytes as HDF5")
    part = work.path("two.h5")
    subprocess.run(command(["partition", work.path("noisy.yaml"), "--ranks", 2, "--out", part]),
                   capture_output=True, check=True)
    for ranks, more in ((2, []), (4, ["--groups", 2])):
        done = perturb(folder, *options, "--partition", part, *more, ranks=ranks)
        verdict.check(done.stdout == first.stdout, f"a partition of two ranks in a file, {ranks} ranks: the same")
    fixed = [perturb(folder, *options[:-2], "--background", "fixed", *more, ranks=k).stdout
             for k, more in ((1, []), (2, []), (2, ["--groups", 1]), (4, ["--groups", 2]))]
    verdict.check(len(set(fixed)) == 1 and json.loads(fixed[0])["about"]["background"] == "fixed",
                  "fixed background: the same again, by groups of one rank and of two")
    done = perturb(folder, "--nodes", "P:0", "--bin", 3, ranks=4)
    verdict.check(done.returncode == 0 and "2 groups of 2 ranks" in done.stderr,
                  "no more groups than runs: " + done.stderr.splitlines()[0])
    other = table(folder, *options, "--seed", 9)
    verdict.check(other["tpm"] != found["tpm"], "another seed, another table")


def end_early(line, one_rank):
    """SIGTERM once the first runs are done; (status, what it said). To one rank where mpirun started
    them, which would itself not wait for long."""
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True)
    said = ""
    while "runs to go" not in said:
        more = process.stderr.readline()
        if not more:
            break
        said += more
    pid = process.pid
    if one_rank:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            pid = int(file.read().split()[-1])
    time.sleep(0.1)  # some stretches more
    os.kill(pid, signal.SIGTERM)
    said += process.stderr.read()
    return process.wait(TIMEOUT), said


def check_going_on(verdict, work):
    """A table whose making is ended by SIGTERM is made on, on other ranks and groups, to the same bytes."""
    options = [work.path("noisy"), "--nodes", "E:0-9", "--bin", 1, "--repeats", 200]
    whole, broken = work.path("whole.json"), work.path("broken.json")
    verdict.check(perturb(*options, "--out", whole).returncode == 0, "a table of 10 neurons")
    done = 0
    for ranks, groups in ((1, 1), (2, 2), (3, 2)):
        line = command(["perturb", *options, "--out", broken, "--groups", groups], ranks)
        status, said = end_early(line, ranks > 1)
        verdict.check(status == 75 and not os.path.exists(broken) and "ended by SIGTERM" in said
                      and (done == 0 or f"going on after {done} of 204800 runs" in said),
                      f"SIGTERM on {ranks} ranks in {groups} groups ends it with status 75: {said.strip()[:400]}")
        with open(broken + ".partial", encoding="utf-8") as file:
            before, done = done, json.load(file)["runs"]
        verdict.check(before < done < 204800, f"{done} runs are kept")
        told = subprocess.run(command(["info", broken + ".partial"]), capture_output=True, text=True, check=False)
        verdict.check(told.returncode == 0 and f"{done} of the 204800 runs" in told.stdout
                      and "E:0 E:1" in told.stdout, "info tells how far it is: " + told.stdout + told.stderr)
    refused = perturb(*options[:-1], 5, "--out", broken)
    verdict.check(refused.returncode == 2 and "of another perturbation" in refused.stderr,
                  "what is kept is not taken for another request")
    done = perturb(*options, "--out", broken, ranks=2)
    with open(whole, encoding="utf-8") as a, open(broken, encoding="utf-8") as b:
        verdict.check(done.returncode == 0 and "going on after" in done.stderr
                      and a.read() == b.read() and not os.path.exists(broken + ".partial"),
                      "the same command goes on, and leaves the same table")


def check_second_interrupt(verdict, work):
    """A run that takes hours is not waited for when Ctrl-C is pressed again."""
    line = command(["perturb", work.path("noisy"), "--nodes", "E:0", "--bin", 50000000])
    process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
    time.sleep(3)  # it is under way
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)  # one press that comes twice
    time.sleep(2.5)
    waits = process.poll() is None
    process.send_signal(signal.SIGINT)
    status = process.wait(TIMEOUT)
    verdict.check(waits and status == -signal.SIGINT, f"a second SIGINT ends a long run at once: {status}")


def check_refusals(verdict, work):
    folder, plain = work.path("xor"), work.path("plain.h5")
    with open(plain, "w", encoding="utf-8") as file:
        file.write("no checkpoint\n" * 100)
    out = work.path("xor-table.json")
    one_node = [folder, "--nodes", "A:0"]
    checkpoint, other_name = glob.glob(f"{folder}/**/checkpoint*.h5", recursive=True)[0], work.path("ck.h5")
    os.symlink(checkpoint, other_name)
    for name, pattern, options in (
            ("an unknown population", "no population 'D'; it has A, B, C",
             [folder, "--nodes", "D:0", "--bin", 1]),
            ("a node out of range", "population B has 1 neurons",
             [folder, "--nodes", "A:0,B:1", "--bin", 1]),
            ("no population named", "POPULATION:LIST", [folder, "--nodes", "0,1", "--bin", 1]),
            ("no list", "FIRST-LAST", [folder, "--nodes", "A:x", "--bin", 1]),
            ("a neuron twice", "A:0 is named twice", [folder, "--nodes", "A:0,A:0", "--bin", 1]),
            ("too many neurons", "2^14 states x 3 repeats are 4.92e+04 runs, ",
             [work.path("noisy"), "--nodes", "E:0-13", "--bin", 1, "--repeats", 3]),
            ("no checkpoint", "is no checkpoint", [plain, "--nodes", "A:0", "--bin", 1]),
            ("no file", "cannot be read", [work.path("none"), "--nodes", "A:0", "--bin", 1]),
            ("a bin beside the steps", "multiple of the model's step", [*one_node, "--bin", 0.25]),
            ("no bin", "--bin MS is needed", one_node),
            ("repeats without noise", "no Poisson input", [*one_node, "--bin", 1, "--repeats", 2]),
            ("fixed repeats", "every repeat would be the same",
             [*one_node, "--bin", 1, "--repeats", 2, "--background", "fixed"]),
            ("a table that is there", "--overwrite replaces it",
             [*one_node, "--bin", 1, "--out", out]),
            ("a table in the place of the checkpoint", "ck.h5 is a file that is read",
             [checkpoint, "--nodes", "A:0", "--bin", 1, "--overwrite", "--out", other_name]),
            ("more groups than ranks", "--groups 3: allowed are 1 to ",
             [*one_node, "--bin", 1, "--groups", 3]),
            ("no group", "--groups 0: a whole number from 1", [*one_node, "--bin", 1, "--groups", 0]),
            ("groups that are no number", "--groups two: a whole number",
             [*one_node, "--bin", 1, "--groups", "two"]),
            ("a partition for others", "divides the network into 2 parts; 1 are needed",
             [work.path("noisy"), "--nodes", "E:0", "--bin", 1, "--partition", work.path("two.h5"),
              "--groups", 1]),
            ("another ending", "ends in .json", [*one_node, "--bin", 1, "--out", "x.txt"]),
            ("a folder that is not there", "cannot be written",
             [*one_node, "--bin", 1, "--out", work.path("none/x.json")])):
        for ranks in (1, 2) if name in ("an unknown population", "no checkpoint",
                                    "more groups than ranks") else (1,):
            done = perturb(*options, ranks=ranks)
            lines = [line for line in done.stderr.splitlines() if "shinkei: error" in line]
            verdict.check(done.returncode in (2, 3) and len(lines) == 1 and pattern in lines[0],
                          f"{name}: {done.stderr.strip()[:160]}")


def main():
    verdict = Verdict()
    with Workspace() as work:
        check_known(verdict, work)
        check_neurons(verdict, work)
        check_against_runs(verdict, work)
        check_same_everywhere(verdict, work)
        check_going_on(verdict, work)
        check_second_interrupt(verdict, work)
        check_refusals(verdict, work)
    verdict.finish()


if __name__ == "__main__":
    main()
