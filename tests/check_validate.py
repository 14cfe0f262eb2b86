#!/usr/bin/env python3
"""shinkei validate: its words, its exit status, and one message on rank 0 for any number of ranks."""
import os
import subprocess
import sys
import tempfile

SHINKEI = os.environ["SHINKEI"]
MODEL = """simulation: {dt: 0.1, duration: 100, warm_up: 10}
populations:
  E: {size: 1200, neuron: iaf_psc_exp}
  I: {size: 300, neuron: iaf_psc_exp}
projections:
  - {source: E, target: I, rule: fixed_indegree, indegree: 100, weight: 10, delay: 1.5}
  - {source: I, target: E, rule: fixed_total, total: 70000, weight: -10, delay: 2}
inputs: [{type: poisson, target: E, rate: 8000, weight: 10}]
"""


def run(*arguments, ranks=0):
    command = ["mpirun", "-n", str(ranks)] if ranks else []
    command += [SHINKEI, "validate", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def expect(holds, what, seen):
    if not holds:
        sys.exit(f"does not hold: {what}\nseen: {seen}")
    print("holds:", what)


def messages(stderr):
    return [line for line in stderr.splitlines() if line.startswith("shinkei: error:")]


def sound_model(path):
    status, words, _ = seen = run(path)
    expect(status == 0, "a sound model ends with status 0", seen)
    for part in ("1,500 in 2 populations", "100,000 expected", "100 ms after a warm-up of 10 ms",
                 "1,100 steps of 0.1 ms", "1 Poisson", "on one rank"):
        expect(part in words, f"the words say '{part}'", seen)
    status, effective, _ = seen = run(path, "--set", "populations.I.size=70", "--effective")
    expect(status == 0 and "size: 70" in effective, "--effective shows a setting", seen)
    again = path + ".effective"
    with open(again, "w") as file:
        file.write(effective)
    expect(run(again, "--effective")[1] == effective, "the effective model is a model", "")
    status, words, _ = seen = run(path, ranks=3)
    expect(status == 0 and words.count("is a sound model") == 1, "three ranks speak once", seen)


def bad_model(path):
    for ranks in (0, 3):
        status, words, errors = seen = run(path, "--set", "populations.E.size=-3", ranks=ranks)
        expect(status == 2 and not words and messages(errors) == [
            f"shinkei: error: {path}: --set populations.E.size: -3 is out of range: must be an "
            "integer from 0 to 4294967295"], f"a fault is one message, status 2, {ranks} ranks", seen)
    status, _, errors = seen = run(path, "--set", "projections.0={source: E, target: I, rule: file, "
                                   "file: none.h5, edges: e, weight: 1, delay: 1}")
    expect(status == 2 and "none.h5" in errors, "a missing connectome file is named", seen)


def bad_command(path):
    status, words, _ = seen = run("--help")
    expect(status == 0 and words.startswith("usage: shinkei validate"), "--help helps", seen)
    for arguments in ([], [path, path], [path, "--sett", "a=b"], [path, "--set"], [path, "--set", "a"],
                      ["no such file.yaml"]):
        status, words, errors = seen = run(*arguments)
        expect(status == 2 and not words and len(messages(errors)) == 1,
               f"{arguments[1:] or arguments} is refused with one message", seen)


with tempfile.TemporaryDirectory() as folder:
    model = os.path.join(folder, "model.yaml")
    with open(model, "w") as out:
        out.write(MODEL)
    sound_model(model)
    bad_model(model)
    bad_command(model)
