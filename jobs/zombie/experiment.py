#!/usr/bin/python3
"""Two circuits that do the same for ever, one recurrent, one feed-forward: their Phi.

Both remember their last three inputs and report the oldest one. The feed-forward one is a delay
line x1' = I, x2' = x1, x3' = x2, and gives out x3. The recurrent one holds the same memory in
another code, a = x1+x2+x3, b = x2+x3, c = x1+x3 (mod 2), updates the code from itself, and gives
out a+b+c = x3. What goes in and comes out is the same at every step.

Phi is measured in each of the 8 states of the memory, the input held at what came in last (x1): in
other states of the code nothing could have led to them, and Phi is not defined.
"""
import argparse
import itertools
import json
import os
import sys

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import program

CODE = np.array([[1, 1, 1], [0, 1, 1], [1, 0, 1]])       # (a, b, c) = CODE (x1, x2, x3) mod 2
DECODE = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]])     # its inverse mod 2
SHIFT = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]])      # x' = SHIFT x + (I, 0, 0)
ENTER = np.array([1, 0, 0])
assert ((CODE @ DECODE) % 2 == np.eye(3, dtype=int)).all()

# state' = A state + b I, output = o state (all mod 2)
CIRCUITS = {
    "recurrent": ((CODE @ SHIFT @ DECODE) % 2, (CODE @ ENTER) % 2, DECODE[2]),
    "feed-forward": (SHIFT, ENTER, np.array([0, 0, 1])),
}


def outputs(circuit, inputs):
    update, enter, read = circuit
    state, found = np.zeros(3, dtype=int), []
    for value in inputs:
        found.append(int(read @ state % 2))
        state = (update @ state + enter * value) % 2
    return found


def phi(circuit, value, state, folder):
    """The circuit's three nodes, its input held at `value`, in `state`."""
    update, enter, _ = circuit
    rows = [((update @ np.array(s[::-1]) + enter * value) % 2).tolist()
            for s in itertools.product((0, 1), repeat=3)]
    table = {"tpm": rows, "order": "little-endian", "state": [int(s) for s in state],
             "cm": update.T.tolist()}
    found = program.measure_table(table, folder, "iit3,iit4")
    return {name: one["value"] for name, one in found.items()}


def draw(results, same, out):
    figure, axes = plt.subplots(1, 4, figsize=(11, 2.9), gridspec_kw={"width_ratios": [1, 1, 1.2, 1.2]})
    names = {"recurrent": "abc", "feed-forward": "123"}
    for axis, (kind, (update, enter, read)) in zip(axes, CIRCUITS.items()):
        place = {j: (np.cos(2 * np.pi * j / 3 + 1.6), np.sin(2 * np.pi * j / 3 + 1.6))
                 if kind == "recurrent" else (0, 1 - j) for j in range(3)}
        for to, source in zip(*np.nonzero(update)):
            if to == source:
                axis.annotate("", (place[to][0] + .12, place[to][1] + .1),
                              (place[to][0] - .12, place[to][1] + .1),
                              arrowprops={"arrowstyle": "->", "connectionstyle": "arc3,rad=-2"})
            else:
                axis.annotate("", place[to], place[source],
                              arrowprops={"arrowstyle": "->", "shrinkA": 11, "shrinkB": 11,
                                          "connectionstyle": "arc3,rad=0.15"})
        for j, (x, y) in place.items():
            axis.scatter(x, y, s=380, color="#1d4e89" if kind == "recurrent" else "#8a9099", zorder=3)
            axis.annotate(names[kind][j], (x, y), ha="center", va="center", color="white", zorder=4)
        axis.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal", title=kind)
        axis.axis("off")
    axes[0].text(0, -1.75, f"{same} steps, same output", ha="center", fontsize=8)
    for axis, measure, unit in zip(axes[2:], ("iit3", "iit4"), ("Φ, IIT 3.0", "φ_s, IIT 4.0 (ibits)")):
        for k, kind in enumerate(CIRCUITS):
            value = [r[measure] for r in results[kind]]
            axis.scatter(np.full(len(value), k) + np.linspace(-.2, .2, len(value)), value, s=14,
                         color="#1d4e89" if kind == "recurrent" else "#8a9099")
        axis.set(xticks=[0, 1], xticklabels=list(CIRCUITS), ylabel=unit, xlim=(-.5, 1.5))
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_ylim(bottom=-0.05)
    axes[2].set_title("each of the 8 memories")
    figure.tight_layout()
    figure.savefig(os.path.join(out, "zombie.png"), dpi=150)


def main():
    parser = argparse.ArgumentParser()
    program.add_output_folder(parser, HERE)
    out = parser.parse_args().out
    inputs = np.random.default_rng(1).integers(0, 2, 10000)
    seen = [outputs(circuit, inputs) for circuit in CIRCUITS.values()]
    assert seen[0] == seen[1] == [0, 0, 0] + inputs[:-3].tolist()
    print(f"{len(inputs)} random inputs: the two circuits give the same output at every step")
    memories = list(itertools.product((0, 1), repeat=3))
    results = {"recurrent": [phi(CIRCUITS["recurrent"], m[0], CODE @ m % 2, out) for m in memories],
               "feed-forward": [phi(CIRCUITS["feed-forward"], m[0], m, out) for m in memories]}
    for kind, found in results.items():
        for measure in ("iit3", "iit4"):
            value = [r[measure] for r in found]
            print(f"{kind:13} {measure:10} {min(value):.6g} to {max(value):.6g} over the 8 memories")
    with open(os.path.join(out, "zombie.json"), "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)
    draw(results, len(inputs), out)


if __name__ == "__main__":
    main()
