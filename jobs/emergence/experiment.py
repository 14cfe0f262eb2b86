#!/usr/bin/python3
"""Effective information at the micro and the macro scale for published examples (Hoel, Albantakis
& Tononi 2013, PNAS 110:19790), the macro scale found by search over coarse-grainings."""
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

BITS = np.arange(16)[:, None] >> np.arange(4) & 1


def pairs():
    """Four noisy nodes in two pairs; a node is on for sure where the other pair is, else with 0.3."""
    first, second = BITS[:, 0] & BITS[:, 1], BITS[:, 2] & BITS[:, 3]
    return np.where(np.stack([second, second, first, first], axis=1), 1.0, 0.3)


def seven_and_one():
    """Seven states that lead to any of themselves, and one that stays."""
    rows = np.zeros((8, 8))
    rows[:7, :7] = 1 / 7
    rows[7, 7] = 1
    return rows


def degenerate():
    """Three states lead to the first of them, the fourth stays."""
    return np.array([[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=float)


# name: (table, published micro, published macro), None where only computed by others
EXAMPLES = {
    "two noisy pairs": (pairs(), 1.15, 1.55),
    "seven and one": (seven_and_one(), 0.5436, 1.0),
    "three to one": (degenerate(), 0.8113, 1.0),
    "copy (no gain)": (BITS[:4, :2].astype(float), 2.0, 1.58),
}


def measure(table, folder):
    return program.measure_table({"tpm": table.tolist(), "order": "little-endian"}, folder,
                                 "emergence")["emergence"]


def draw(results, out):
    figure, axis = plt.subplots(figsize=(7, 3.2))
    for k, (name, found) in enumerate(results.items()):
        axis.bar(k - 0.18, found["micro"]["information"], 0.34, color="#8a9099",
                 label="micro" if k == 0 else None)
        axis.bar(k + 0.18, found["macro"]["information"], 0.34, color="#1d4e89",
                 label="best macro" if k == 0 else None)
        for x, value in zip((k - 0.18, k + 0.18), EXAMPLES[name][1:]):
            axis.plot(x, value, "_", color="#d1495b", ms=22, mew=1.5,
                      label="expected" if k == 0 and x < 0 else None)
    axis.set(xticks=range(len(results)), ylabel="effective information (bits)")
    axis.set_xticklabels(list(results))
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(os.path.join(out, "emergence.png"), dpi=150)


def main():
    parser = argparse.ArgumentParser()
    program.add_output_folder(parser, HERE)
    out = parser.parse_args().out
    results = {name: measure(example[0], out) for name, example in EXAMPLES.items()}
    with open(os.path.join(out, "emergence.json"), "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)
    for name, found in results.items():
        micro, macro = found["micro"], found["macro"]
        print(f"{name:16} micro {micro['information']:.4f} (determinism {micro['determinism']:.3f}, "
              f"degeneracy {micro['degeneracy']:.3f})  macro {macro['information']:.4f} "
              f"({macro['determinism']:.3f}, {macro['degeneracy']:.3f})  "
              f"groups {found['macro_state_of_state']}")
    draw(results, out)


if __name__ == "__main__":
    main()
