#!/usr/bin/python3
"""Phi against the strength of coupling, from independent to fully synchronous, all measures.

Four binary nodes, P(on) = 1 / (1 + exp(-2 g sum_j w_ij x_j)), x = +1 or -1, w: 0.25 from every node
and 0.15 more from the one before in a ring. g = 0: every node tosses a coin. g large: all nodes
take the majority's side and stay there. Practical measures: stationary inputs. Exact ones: the
state "all on".
"""
import argparse
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

N = 4
COUPLINGS = np.round(np.concatenate([np.arange(0, 1, 0.1), np.arange(1, 3.01, 0.25)]), 3)
MEASURES = ["MI1", "MI", "SI", "star", "G", "R", "TDMI", "EI", "iit3", "iit4"]


def table(coupling):
    state = 2 * (np.arange(2**N)[:, None] >> np.arange(N) & 1) - 1
    weight = np.full((N, N), 0.25)
    weight[np.arange(N), (np.arange(N) - 1) % N] += 0.15
    return 1 / (1 + np.exp(-2 * coupling * state @ weight.T))


def measure(coupling, folder):
    found = program.measure_table({"tpm": table(coupling).tolist(), "order": "little-endian", "state": [1] * N},
                                  folder, ",".join(MEASURES), "--input", "stationary")
    return {name: one["value"] for name, one in found.items()}


def draw(results, out):
    figure, axes = plt.subplots(2, 5, figsize=(12, 4.6), sharex=True)
    for axis, name in zip(axes.flat, MEASURES):
        value = np.array([r[name] for r in results])
        top = int(np.argmax(value))
        axis.plot(COUPLINGS, value, "-", color="#1d4e89")
        axis.plot(COUPLINGS[top], value[top], "o", color="#d1495b")
        axis.set_title(f"{name}: most at g = {COUPLINGS[top]:g}", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_ylim(bottom=min(0, 1.05 * value.min()))
    for axis in axes[1]:
        axis.set_xlabel("coupling g")
    axes[0, 0].set_ylabel("nats")
    axes[1, 0].set_ylabel("nats (EI bits, iit4 ibits)")
    figure.tight_layout()
    figure.savefig(os.path.join(out, "whole_and_parts.png"), dpi=150)


def main():
    parser = argparse.ArgumentParser()
    program.add_output_folder(parser, HERE)
    out = parser.parse_args().out
    results = [measure(g, out) for g in COUPLINGS]
    with open(os.path.join(out, "whole_and_parts.json"), "w", encoding="utf-8") as file:
        json.dump({"coupling": COUPLINGS.tolist(), "measures": results}, file, indent=1)
    print(f"{'measure':8} {'g = 0':>10} {'largest':>10} {'at g':>6} {'g = 3':>10}")
    for name in MEASURES:
        value = np.array([r[name] for r in results])
        top = int(np.argmax(value))
        print(f"{name:8} {value[0]:10.4g} {value[top]:10.4g} {COUPLINGS[top]:6g} {value[-1]:10.4g}")
    draw(results, out)


if __name__ == "__main__":
    main()
