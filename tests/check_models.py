#!/usr/bin/python3
"""The models in jobs/ are what they say: the microcircuit has the sizes, synapse numbers and inputs of
the publication at any scale, the committed files are what the generator writes, and a connectivity
table comes through the converter with every connection."""
import csv
import gzip
import importlib.util
import math
import os
import subprocess
import sys

import h5py
import numpy as np
import yaml

from program import SOURCE, Verdict, Workspace

GENERATOR = os.path.join(SOURCE, "jobs", "microcircuit", "generate.py")
CONVERTER = os.path.join(SOURCE, "jobs", "fly", "connectome.py")


def generate(*options):
    done = subprocess.run([sys.executable, GENERATOR, *map(str, options)], capture_output=True,
                          text=True, check=True)
    return done.stdout


def inputs_of(model, population):
    """Mean and variance [pA, pA^2, from the shot noise] of all input to a neuron, at given rates."""
    sizes = {name: p["size"] for name, p in model["populations"].items()}
    rates = {name: p["expected_rate"] for name, p in model["populations"].items()}
    tau = model["neurons"]["cortical"]["parameters"]["tau_syn"] * 1e-3
    mean = variance = 0.0
    for p in model["projections"]:
        if p["target"] == population:
            weight = p["weight"]["normal"]["mean"]
            arriving = p["total"] / sizes[population] * rates[p["source"]]
            mean += weight * arriving * tau
            variance += weight**2 * arriving * tau / 2
    for i in model["inputs"]:
        if i["target"] == population:
            mean += i["amplitude"] if i["type"] == "dc" else i["weight"] * i["rate"] * tau
            variance += 0 if i["type"] == "dc" else i["weight"]**2 * i["rate"] * tau / 2
    return mean, variance


def check_microcircuit(verdict):
    full = yaml.safe_load(generate())
    neurons = sum(p["size"] for p in full["populations"].values())
    synapses = sum(p["total"] for p in full["projections"])
    verdict.check(neurons == 77169, f"{neurons} neurons at full scale, 77169 published")
    verdict.check(abs(synapses / 0.299e9 - 1) < 0.005, f"{synapses} synapses, 0.3 billion published")

    # A pair is joined with the published probability: 1 - (1 - 1/pairs)^K.
    table = [line for line in full["projections"]
             if (line["target"], line["source"]) in (("L23E", "L23E"), ("L6I", "L6I"))]
    for line, published in zip(table, (0.1009, 0.1443)):
        pairs = math.prod(full["populations"][line[end]]["size"] for end in ("source", "target"))
        p = -math.expm1(line["total"] * math.log1p(-1 / pairs))
        verdict.check(abs(p - published) < 1e-6,
                      f"{line['source']} -> {line['target']}: probability {p:.6f}, {published}")

    # The potential of a single synapse peaks at 0.15 mV: integrated here by small steps.
    parameters = full["neurons"]["cortical"]["parameters"]
    weight = table[0]["weight"]["normal"]["mean"]
    time = np.arange(0.0, 20.0, 1e-3)
    current = weight * np.exp(-time / parameters["tau_syn"])
    decay = np.exp(-1e-3 / parameters["tau_m"])
    potential = np.zeros(len(time))
    for i in range(1, len(time)):
        potential[i] = potential[i - 1] * decay + 1e-3 * current[i - 1] / parameters["C_m"]
    verdict.check(abs(potential.max() - 0.15) < 5e-4, f"peak of a potential {potential.max():.4f} mV")

    for scale, indegree, kind in ((0.3, 0.3, "poisson"), (1.0, 0.1, "poisson"), (0.2, 1.0, "poisson"),
                                  (0.25, 0.25, "dc")):
        small = yaml.safe_load(generate("--scale", scale, "--scale-indegree", indegree, "--input",
                                        kind))
        whole = full if kind == "poisson" else yaml.safe_load(generate("--input", kind))
        worst = [0.0, 0.0]
        for name in full["populations"]:
            for i, (have, want) in enumerate(zip(inputs_of(small, name), inputs_of(whole, name))):
                worst[i] = max(worst[i], abs(have - want) / abs(want))
        verdict.check(max(worst) < 0.01, f"scales {scale}, {indegree}, {kind}: mean of the input as "
                      f"at full scale within {worst[0]:.1e}, variance within {worst[1]:.1e}")

    for path, options in (("jobs/microcircuit/model.yaml", ()),
                          ("jobs/microcircuit/model_dc.yaml", ("--input", "dc")),
                          ("tests/models/microcircuit_small.yaml",
                           ("--scale", "0.04", "--duration", "100"))):
        with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
            verdict.check(file.read() == generate(*options), f"{path} is what the generator writes")


def random_table(random):
    """root ids of 50 neurons, and distinct connections (pre, post, signed count)."""
    roots = np.sort(random.integers(7 * 10**17, 8 * 10**17, 50))
    pairs = random.permutation(50 * 50)[:400]
    sign = np.where(np.arange(50) % 3 == 0, -1, 1)
    pre = pairs % 50
    return roots, pre, pairs // 50, random.integers(1, 90, 400) * sign[pre]


def convert(verdict, what, arguments, wanted, roots=None):
    pre, post, count = wanted
    order = np.lexsort((pre, post))
    done = subprocess.run([sys.executable, CONVERTER, *arguments], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        verdict.check(False, f"{what}: {done.stderr}")
        return
    with h5py.File(arguments[arguments.index("--out") + 1], "r") as file:
        group = file["edges/fly_fly"]
        same = (np.array_equal(group["source_node_id"][:], pre[order])
                and np.array_equal(group["target_node_id"][:], post[order])
                and np.array_equal(group["0/syn_weight"][:], count[order]))
    if roots is not None:
        with h5py.File(arguments[arguments.index("--nodes") + 1], "r") as file:
            same = same and np.array_equal(file["nodes/fly/0/flywire_root_id"][:], roots)
    verdict.check(same, f"{what}: {done.stdout.splitlines()[0]}")


def write_csv(path, rows, opener=open):
    with opener(path, "wt", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def check_converter(verdict):
    random = np.random.default_rng(11)
    roots, pre, post, count = random_table(random)
    with Workspace() as work:
        out = ["--out", work.path("edges.h5"), "--nodes", work.path("nodes.h5")]
        ids = work.path("ids.txt")
        np.savetxt(ids, roots, fmt="%d")
        table = work.path("paper.csv")
        header = ["Presynaptic_ID", "Postsynaptic_ID", "Presynaptic_Index", "Postsynaptic_Index",
                  "Connectivity", "Excitatory", "Excitatory x Connectivity"]
        rows = [[roots[i], roots[j], i, j, abs(c), np.sign(c), c]
                for i, j, c in zip(pre, post, count)]
        write_csv(table, [header, *rows])
        convert(verdict, "the paper's table", [table, *out, "--ids", ids], (pre, post, count), roots)

        table = work.path("codex.csv.gz")
        rows = [["pre_root_id", "post_root_id", "neuropil", "syn_count", "nt_type"]]
        for i, j, c in zip(pre, post, count):
            kind = ("GABA" if i % 2 else "GLUT") if c < 0 else "ACH"
            parts = [abs(c)] if abs(c) < 10 else [abs(c) - 7, 7]
            rows += [[roots[i], roots[j], f"N{n}", part, kind] for n, part in enumerate(parts)]
        write_csv(table, rows, gzip.open)
        convert(verdict, "FlyWire Codex, pairs in several neuropils", [table, *out, "--ids", ids],
                (pre, post, count), roots)

        table = work.path("own.csv")
        write_csv(table, [["to", "strength", "from"], *zip(post, count * 0.5, pre)])
        convert(verdict, "a table with names of its own", [table, *out, "--pre", "from", "--post",
                "to", "--count", "strength"], (pre, post, count * 0.5))

        table = work.path("spreadsheet.csv")
        rows = [f'{roots[i]}, {roots[j]}, {abs(c)}, {"gaba" if c < 0 else "ach"}\r\n'
                for i, j, c in zip(pre, post, count)]
        with open(table, "w", newline="", encoding="utf-8-sig") as file:
            file.write("pre_root_id, post_root_id, syn_count, nt_type\r\n" + "\r\n".join(rows))
        convert(verdict, "a spreadsheet's mark, spaces, blank lines, CRLF, small letters",
                [table, *out, "--ids", ids], (pre, post, count), roots)

        if importlib.util.find_spec("pyarrow"):
            import pyarrow
            import pyarrow.parquet
            table = work.path("table.parquet")
            pyarrow.parquet.write_table(pyarrow.table(
                {"Presynaptic_Index": pre, "Postsynaptic_Index": post,
                 "Excitatory x Connectivity": count}), table)
            convert(verdict, "Parquet", [table, *out], (pre, post, count))
        else:
            print("skipped: Parquet; pyarrow is not installed")

        for what, rows, words in (
                ("unknown columns", [["a", "b"], [1, 2]], "columns"),
                ("a word for a number", [["source", "target", "weight"], [1, 2, "x"]], "own.csv"),
                ("a neuron with a fraction", [["source", "target", "weight"], [1.5, 2, 3]], "1.5"),
                ("a rounded root id", [["source", "target", "weight"], ["7.2e17", 10**17, 3]],
                 "7.2e17"),
                ("an index among root ids", [["source", "target", "weight"], [1, 10**17, 3]],
                 "side by side"),
                ("neither index nor root id", [["source", "target", "weight"], [1, 2**32, 3]],
                 "neither"),
                ("a negative neuron", [["source", "target", "weight"], [-1, 2, 3]], "negative"),
                ("not a number", [["source", "target", "weight"], [1, 2, "nan"]], "row 1:")):
            write_csv(work.path("own.csv"), rows)
            done = subprocess.run([sys.executable, CONVERTER, work.path("own.csv"), *out],
                                  capture_output=True, text=True, check=False)
            verdict.check(done.returncode == 1 and words in done.stderr
                          and "Traceback" not in done.stderr, f"{what}: {done.stderr.strip()[-90:]}")
        check_lists(verdict, work, out, roots)


def check_lists(verdict, work, out, roots):
    """A list of neurons that is missing, or names one twice; a folder that is missing."""
    write_csv(work.path("own.csv"), [["source", "target", "weight"], [roots[0], roots[1], 3]])
    np.savetxt(work.path("twice.txt"), [roots[0], roots[1], roots[0]], fmt="%d")
    np.savetxt(work.path("rounded.txt"), roots.astype(float), fmt="%.6e")
    np.save(work.path("rounded.npy"), roots.astype(float))
    np.save(work.path("square.npy"), roots.reshape(10, 5))
    write_csv(work.path("none.txt"), [])
    for name, words in (("nowhere.txt", "nowhere.txt"), ("twice.txt", "listed twice"),
                        ("rounded.txt", "rounded.txt: "), ("rounded.npy", "rounded.npy: integers"),
                        ("square.npy", "a list of root ids"), ("none.txt", "a list of root ids")):
        done = subprocess.run([sys.executable, CONVERTER, work.path("own.csv"), *out, "--ids",
                               work.path(name)], capture_output=True, text=True, check=False)
        verdict.check(done.returncode == 1 and words in done.stderr
                      and "Traceback" not in done.stderr, f"--ids: {done.stderr.strip()[-90:]}")
    write_csv(work.path("cut.csv.gz"), [["source", "target", "weight"], [roots[0], roots[1], 3]],
              gzip.open)
    with open(work.path("cut.csv.gz"), "r+b") as file:
        file.truncate(os.path.getsize(work.path("cut.csv.gz")) - 12)
    for table, target, words in (("own.csv", "nowhere/edges.h5", "edges.h5: cannot be written"),
                                 ("own.csv", "own.csv", "own.csv: is read, and would be replaced"),
                                 ("cut.csv.gz", "edges.h5", "cut.csv.gz: Compressed file ended")):
        done = subprocess.run([sys.executable, CONVERTER, work.path(table), "--out", work.path(target)],
                              capture_output=True, text=True, check=False)
        verdict.check(done.returncode == 1 and words in done.stderr
                      and "Traceback" not in done.stderr, f"--out: {done.stderr.strip()[-90:]}")


def main():
    verdict = Verdict()
    check_microcircuit(verdict)
    check_converter(verdict)
    verdict.finish()


if __name__ == "__main__":
    main()
