#!/usr/bin/python3
"""The tools under jobs/ refuse wrong files and options with one line that names what is wrong, and
write nothing then."""
import json
import os
import subprocess
import sys

import h5py
import numpy as np
import yaml

from program import BINARY, SOURCE, Verdict, Workspace

FLY = os.path.join(SOURCE, "jobs", "fly")
sys.path.insert(0, FLY)
import make_model
import sonata

CONVERTER, MODEL, EXPERIMENT = (os.path.join(FLY, name) for name in (
    "connectome.py", "make_model.py", "experiment.py"))
GENERATOR = os.path.join(SOURCE, "jobs", "microcircuit", "generate.py")


def call(tool, *arguments, **environment):
    return subprocess.run([sys.executable, tool, *map(str, arguments)], capture_output=True, text=True,
                          check=False, env={**os.environ, "SHINKEI": BINARY, **environment})


def refuses(verdict, tool, words, *arguments, **environment):
    """`words`: what the message names."""
    done = call(tool, *arguments, **environment)
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    verdict.check(done.returncode in (1, 2) and words in last and not done.stdout
                  and "Traceback" not in done.stderr, f"{os.path.basename(tool)}: {last}"[:170])


def check_generator(verdict):
    for words, *arguments in (
            ("--scale: 1e-09 leaves none of the 20683 neurons of L23E", "--scale", "1e-9"),
            ("--scale: 0.0004 leaves none of the 1065 neurons of L5I", "--scale", "0.0004"),
            ("--scale-indegree: 1e-09 leaves none", "--scale-indegree", "1e-9"),
            ("--dt: '0' is out of range", "--dt", "0"), ("--dt: 'nan'", "--dt", "nan"),
            ("--dt: '0.8' is out of range", "--dt", "0.8"),
            ("--duration: 1000 ms is no multiple of --dt", "--dt", "0.3"),
            ("refractory time of 2 ms is no multiple of 0.3", "--dt", "0.3", "--duration", "900"),
            ("--duration: '-1' is out of range", "--duration", "-1"),
            ("--duration: 'nan'", "--duration", "nan"), ("--seed: '-1'", "--seed", "-1"),
            ("--warm-up: '-1'", "--warm-up", "-1"), ("--warm-up: 'inf'", "--warm-up", "inf")):
        refuses(verdict, GENERATOR, words, *arguments)
    for warns, *arguments in ((True, "--scale", "0.1"), (True, "--scale", "0.5", "--scale-indegree", "0.19"),
                              (False, "--scale", "0.1", "--scale-indegree", "0.2")):
        done = call(GENERATOR, "--input", "dc", *arguments)
        verdict.check(done.returncode == 0 and ("may be silent" in done.stderr) == warns and done.stdout,
                      f"{' '.join(arguments)}, dc: {done.stderr.strip() or 'no warning'}"[:170])
    verdict.check(not call(GENERATOR, "--scale", "0.04").stderr, "no warning of Poisson input")


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


A, B, C = 10**17, 10**17 + 1, 10**17 + 2  # root ids


def check_converter(verdict, work):
    plain, codex = "source,target,weight\n", "pre_root_id,post_root_id,syn_count,nt_type\n"
    shiu = ("Presynaptic_Index,Postsynaptic_Index,Excitatory x Connectivity,Presynaptic_ID,"
            "Postsynaptic_ID\n")
    out = "--out", work.path("edges.h5")
    for words, text, *arguments in (
            ("has 2 columns 'weight'", "source,target,weight,weight\n0,1,2,3\n"),
            ("row 2: weight 'many' is no number", plain + "0,1,2\n1,0,many\n"),
            ("syn_count 2.5 is no number of synapses", codex + f"{10**17},{10**17 + 1},2.5,ACH\n"),
            ("syn_count -3 is negative, but nt_type", codex + f"{10**17},{10**17 + 1},-3,GABA\n"),
            ("weights add up to 9007199254740992", plain + f"0,1,{2**53 - 1}\n0,1,1\n"),
            ("must be three columns", plain + "0,1,2\n", "--pre", "source", "--post", "source",
             "--count", "weight"),
            (f"neuron 0 has root ids {A} and {C} in the table", shiu + f"0,1,5,{A},{B}\n1,0,6,{B},{C}\n"),
            (f"root id {A} is of neurons 0 and 1 in the table", shiu + f"0,1,5,{A},{A}\n"),
            (f"neuron 1 has root id {C} in the table, {B} in the list", shiu + f"0,1,5,{A},{C}\n", "--ids",
             write(work.path("ids"), f"{A}\n{B}\n")),
            ("'a/b' is no name", plain + "0,1,2\n", "--population", "a/b"),
            ("'' is no name", plain + "0,1,2\n", "--population", "")):
        refuses(verdict, CONVERTER, words, write(work.path("table.csv"), text), *out, *arguments)
        verdict.check(not os.path.exists(work.path("edges.h5")), "and nothing is written")
    refuses(verdict, CONVERTER, "is a folder", work.path("table.csv"), "--out", work.name)
    done = call(CONVERTER, write(work.path("table.csv"), plain + "0,1,2.1\n1,0,-0.5\n"), *out)
    with h5py.File(work.path("edges.h5")) as file:
        weights = sorted(file["edges/fly_fly/0/syn_weight"][:])
    verdict.check(weights == [-0.5, 2.1] and "weights of 2.6 without their signs" in done.stdout,
                  f"weights that are not whole are not rounded: {weights}")


CODEX = f"pre_root_id,post_root_id,syn_count,nt_type\n{A},{B},5,ach\n{B},{C},6,Glutamate\n"
UNKNOWN = CODEX + f"{C},{A},7,Glu\n{A},{C},8,\n"


def converted(verdict, work, text, wanted, words, *arguments):
    """Weights in the order of (target, source), the number of neurons, and what the report says."""
    edges, nodes = work.path("made.h5"), work.path("made_nodes.h5")
    done = call(CONVERTER, write(work.path("table.csv"), text), "--out", edges, "--nodes", nodes, *arguments)
    if done.returncode:
        verdict.check(False, done.stderr.strip())
        return
    with h5py.File(edges) as file:
        weights = file["edges/fly_fly/0/syn_weight"][:].tolist()
    verdict.check(weights == wanted and words in done.stdout and sonata.node_count(nodes, "fly") == 3,
                  f"{' '.join(arguments) or 'no option'}: weights {weights}, {done.stdout.splitlines()[1]}")


def check_transmitters(verdict, work):
    out = "--out", work.path("refused.h5")
    unsigned = "".join(line.rsplit(",", 1)[0] + "\n" for line in CODEX.splitlines())
    named = UNKNOWN.replace("nt_type", "top_nt").replace("syn_count", "n")
    columns = "--pre", "pre_root_id", "--post", "post_root_id", "--count", "n"
    for words, text, *arguments in (
            ("row 3: nt_type 'Glu' is unknown: must be ACH or acetylcholine, GABA,", UNKNOWN),
            ("row 3: nt_type '' is unknown", CODEX + f"{A},{C},8,\n"),
            ("syn_count has no signs and there is no column nt_type", unsigned),
            ("by --transmitter, or say by --unknown", unsigned, "--unknown", "drop"),
            ("n has no signs", named, *columns),
            ("row 3: top_nt 'Glu'", named, *columns, "--transmitter", "top_nt"),
            ("no column 'nt'", named, *columns, "--transmitter", "nt"),
            ("is a column of neurons or counts", named, *columns, "--transmitter", "n"),
            ("has signs", "source,target,weight\n0,1,2\n", "--unknown", "drop")):
        refuses(verdict, CONVERTER, words, write(work.path("table.csv"), text), *out, *arguments)
    converted(verdict, work, UNKNOWN, [7, 5, 8, -6], "2 rows of unknown transmitter count as excitatory: "
              "1 'Glu', 1 ''", "--unknown", "excitatory")
    converted(verdict, work, UNKNOWN, [-7, 5, -8, -6], "count as inhibitory", "--unknown", "inhibitory")
    converted(verdict, work, CODEX + f"{C},{A},7,?\n", [5, -6], "1 rows of unknown transmitter were dropped",
              "--unknown", "drop")
    converted(verdict, work, unsigned, [5, 6], "2 rows without a transmitter count as excitatory",
              "--unknown", "excitatory")
    converted(verdict, work, named, [5, -6], "were dropped", *columns, "--transmitter", "top_nt", "--unknown", "drop")
    every = "ACH Acetylcholine DA dopamine SER 5ht serotonin OCT octopamine GABA GLUT glutamate".split()
    text = "".join(f"{A + i // 3},{A + i % 3},{i + 1},{name}\n" for i, name in enumerate(every[:9]))
    converted(verdict, work, CODEX.splitlines()[0] + "\n" + text, [1, 4, 7, 2, 5, 8, 3, 6, 9], "0 rows",
              "--unknown", "drop")
    text = "".join(f"{A + i},{A},{i + 1},{name}\n" for i, name in enumerate(every[9:]))
    converted(verdict, work, CODEX.splitlines()[0] + "\n" + text, [-1, -2, -3], "3 inhibitory")
    signed = f"pre_root_id,post_root_id,n,nt_type\n{A},{B},-5,?\n{B},{C},6,GABA\n"
    converted(verdict, work, signed, [-5, 6], "1 excitatory, 1 inhibitory", *columns)


def check_separators(verdict, work):
    for separator in ";", "\t":
        converted(verdict, work, UNKNOWN.replace(",", separator), [7, 5, 8, -6], "3 neurons", "--unknown",
                  "excitatory")
    refuses(verdict, CONVERTER, "must be separated by commas or tabs or semicolons", "--out", work.path("refused.h5"),
            write(work.path("table.csv"), CODEX.replace(",", " ")))


def write_fly(work):
    """Three neurons in a row: (options of the edges, options of the nodes)."""
    edges, nodes = work.path("fly_edges.h5"), work.path("fly_nodes.h5")
    done = call(CONVERTER, write(work.path("fly.csv"), "source,target,weight\n0,1,90\n1,2,90\n"),
                "--out", edges, "--nodes", nodes)
    if done.returncode:
        raise SystemExit(done.stderr)
    return ("--edges", edges), ("--nodes", nodes)


def check_files(verdict, work, edges, nodes):
    junk, gone = write(work.path("junk"), "0.1 4\n"), work.path("gone")
    spikes = work.path("spikes.h5")
    sonata.write_spikes(spikes, "fly", [1.0], [3])
    with h5py.File(work.path("flat.h5"), "w") as file:
        file["edges"], file["nodes"], file["spikes"] = [1], [1], [1]
    for name in (junk, gone, spikes, work.path("flat.h5")):
        refuses(verdict, MODEL, "not a SONATA edges file", "--edges", name)
    for name in (junk, gone, edges[1], work.path("flat.h5")):
        refuses(verdict, MODEL, "not a SONATA nodes file", *edges, "--nodes", name)
        refuses(verdict, MODEL, "not a SONATA spikes file", *edges, "--spikes", name)
    none = np.zeros(0, int)
    sonata.write_edges(work.path("named.h5"), "e", "a/b", "a/b", none, none, {})
    refuses(verdict, MODEL, "'a/b' of e is no name", "--edges", work.path("named.h5"))
    refuses(verdict, MODEL, work.name + ": not a SONATA edges file", "--edges", work.name)
    refuses(verdict, MODEL, "no JSON in it", *edges, "--node-sets", junk, "--drive", "a")
    refuses(verdict, MODEL, "no JSON in it", *edges, "--node-sets", spikes, "--drive", "a")
    refuses(verdict, MODEL, "gone: cannot be read", *edges, "--node-sets", gone, "--drive", "a")
    refuses(verdict, MODEL, "must be a mapping", *edges, "--drive", "a", "--node-sets",
            write(work.path("list.json"), "[1]"))
    refuses(verdict, MODEL, "node ids from 3 to 3: must be from 0 to 2", *edges, "--spikes", spikes)
    refuses(verdict, MODEL, "--rate 150: is of Poisson events", *edges, "--spikes", spikes, "--rate", "150")
    sonata.write_spikes(spikes, "other", [1.0], [2])
    refuses(verdict, MODEL, "no group 'fly' in /spikes", *edges, "--spikes", spikes)


def check_drive(verdict, work, edges):
    sets = write(work.path("sets.json"), json.dumps({
        "none": [], "word": ["x"], "part": [0, 1.5], "truth": True, "nothing": None, "far": [3],
        "below": -1, "good": [2, 0], "one": 1}))
    options = (*edges, "--node-sets", sets, "--drive")
    for words, text in (("--drive: '' names nobody", ""), ("',' names nobody", ","), ("'none' is empty", "none"),
                        ('holds "x"', "word"), ("holds 1.5", "part"), ("holds true", "truth"),
                        ("holds null", "nothing"), ("holds 3: must hold node ids from 0 to 2", "far"),
                        ("holds -1", "one,below"), ("neither a node set", "\u00b2")):
        refuses(verdict, MODEL, words, *options, text)
    model = yaml.safe_load(call(MODEL, *options, "good,one").stdout)
    verdict.check(model["inputs"][0]["nodes"] == [0, 1, 2], "node sets are joined")


def check_root_ids(verdict, work):
    edges, nodes = work.path("made.h5"), work.path("made_nodes.h5")
    call(CONVERTER, write(work.path("table.csv"), CODEX), "--out", edges, "--nodes", nodes)
    sets = write(work.path("roots.json"), json.dumps(
        {"two": [C, A], "mixed": [A, 1], "one": B, "gone": [A, C + 1, C + 2], "odd": [C, 3]}))
    options = ("--edges", edges, "--node-sets", sets, "--drive")
    for words, text, *given in (
            (f"'two' holds the root id {C}: root ids need --nodes", "two"),
            (f"no neuron of 2 of its 3 root ids (is it another release of the connectome?): {C + 1}, {C + 2}",
             "gone", "--nodes", nodes),
            ("holds 3: must hold node ids from 0 to 2, or root ids", "odd", "--nodes", nodes)):
        refuses(verdict, MODEL, words, *options, text, *given)
    for name, wanted in ("two", [0, 2]), ("mixed", [0, 1]), ("one", [1]):
        model = yaml.safe_load(call(MODEL, *options, name, "--nodes", nodes).stdout)
        verdict.check(model["inputs"][0]["nodes"] == wanted, f"node set '{name}' by root id: {wanted}")
    refuses(verdict, MODEL, "no neuron of 21 of its 21 root ids", "--edges", edges, "--nodes", nodes,
            "--drive", "sugar_grn", "--node-sets", os.path.join(FLY, "node_sets.json"))


def check_standard_output(verdict, edges):
    """A device that is full is said; nobody who reads on is no matter."""
    for tool, *arguments in (GENERATOR,), (MODEL, *edges):
        line = [sys.executable, tool, *arguments]
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        verdict.check(done.returncode == 1 and done.stderr.count("\n") == 1 and "No space left" in done.stderr,
                      f"a full device: {done.stderr.strip()[-100:]}")
        read, written = os.pipe()
        os.close(read)
        done = subprocess.run(line, stdout=written, stderr=subprocess.PIPE, text=True, check=False)
        os.close(written)
        verdict.check(done.returncode == 1 and not done.stderr, f"nobody reads on: {done.stderr[-100:]}")


def check_numbers(verdict, edges, nodes):
    parse, build = make_model.parser().parse_args, make_model.build
    for words, *arguments in (
            ("--neurons: '0' is out of range", "--neurons", "0"), ("--rate: 'nan'", "--rate", "nan"),
            ("--duration: '-1'", "--duration", "-1"), ("no multiple", "--duration", "0.15"),
            ("--neurons 2: 2 neurons: must be from 3", "--neurons", "2"),
            ("--neurons 5: ", *nodes, "--neurons", "5"), ("--seed: '-1'", "--seed", "-1"),
            ("--jump: 'inf'", "--jump", "inf"), ("--scale: 'nan'", "--scale", "nan"),
            ("--expected-rate: '0'", "--expected-rate", "0")):
        refuses(verdict, MODEL, words, *edges, *arguments)
    verdict.check(build(parse([*edges, "--neurons", "7"]))["populations"]["fly"]["size"] == 7,
                  "neurons without connections are counted by --neurons")


def check_experiment(verdict, work, edges, nodes):
    out = work.path("out")
    options = (*edges, *nodes, "--drive", "0", "--duration", "50")
    rates = write(work.path("rates.csv"), "flywire_id,rate_hz_mean,rate_hz_std\n0,1,nan\n")
    for words, *arguments in (
            ("--trials: '0' is out of range", "--trials", "0"), ("--trials: '-1'", "--trials", "-1"),
            ("--read: '' names nobody", "--read", ""), ("rates.csv: line 2", "--published", rates),
            ("gone.csv: cannot be read", "--published", work.path("gone.csv"))):
        refuses(verdict, EXPERIMENT, words, *options, "--out", out, *arguments)
    refuses(verdict, EXPERIMENT, "SHINKEI=/nowhere: is no program", *options, "--out", out,
            SHINKEI="/nowhere")
    verdict.check(not os.path.exists(out), "and nothing is written")
    for name in (rates, "/dev/null/out"):
        refuses(verdict, EXPERIMENT, f"{name}/model.yaml: cannot be written", *options, "--out", name)
    done = call(EXPERIMENT, *options, "--trials", "2", "--read", "1,2", "--out", out)
    verdict.check(done.returncode == 0 and "2 trials of 50 ms" in done.stdout
                  and {"rates.csv", "picture.png"} <= set(os.listdir(out)),
                  f"an experiment runs {done.stderr.strip()[-120:]}")
    refuses(verdict, EXPERIMENT, "is there from an earlier experiment", *options, "--out", out)
    done = call(EXPERIMENT, *options, "--trials", "1", "--out", out, "--overwrite")
    verdict.check(done.returncode == 0 and not os.path.exists(os.path.join(out, "trial_02")),
                  f"--overwrite leaves no earlier trial {done.stderr.strip()[-120:]}")
    os.rename(os.path.join(out, "trial_01"), work.path("moved"))
    os.symlink(work.path("moved"), os.path.join(out, "trial_01"))
    write(os.path.join(out, "trial_notes.txt"), "mine")
    done = call(EXPERIMENT, *options, "--trials", "1", "--out", out, "--overwrite")
    verdict.check(done.returncode == 0 and os.path.exists(os.path.join(out, "trial_notes.txt"))
                  and os.path.exists(work.path("moved/spikes.h5")),
                  f"--overwrite removes what is its own, and a link alone {done.stderr.strip()[-120:]}")
    refuses(verdict, EXPERIMENT, "rates.csv: is read, and --overwrite would remove it", *options, "--out", out,
            "--overwrite", "--published", os.path.join(out, "rates.csv"))


def check_integration(verdict, work):
    """The experiments on integrated information."""
    for name in ("zombie", "emergence", "whole_and_parts", "cortex"):
        tool = os.path.join(SOURCE, "jobs", name, "experiment.py")
        file = write(work.path("file"), "")
        refuses(verdict, tool, f"{file}/here: Not a directory", os.path.join(file, "here"))
        if name != "zombie":  # which says something before it needs shinkei
            refuses(verdict, tool, "SHINKEI=/nowhere: is no program", work.path(name), SHINKEI="/nowhere")
            refuses(verdict, tool, "failed with status 1", work.path(name), SHINKEI="/bin/false")
    refuses(verdict, tool, "--scale: '-1.0' is out of range", work.path(name), "--scale", "-1")


def main():
    verdict = Verdict()
    check_generator(verdict)
    with Workspace() as work:
        check_integration(verdict, work)
        check_converter(verdict, work)
        check_transmitters(verdict, work)
        check_separators(verdict, work)
        edges, nodes = write_fly(work)
        check_files(verdict, work, edges, nodes)
        check_drive(verdict, work, edges)
        check_root_ids(verdict, work)
        check_standard_output(verdict, edges)
        check_numbers(verdict, edges, nodes)
        check_experiment(verdict, work, edges, nodes)
    verdict.finish()


if __name__ == "__main__":
    main()
