#!/usr/bin/python3
"""Pictures of what `shinkei phi` measured.

    phi_pictures.py table report.json             the transition table, with how often a state was seen
    phi_pictures.py structure report.json         distinctions and relations (--measures structure)
    phi_pictures.py time phi.h5 spikes.h5         Phi over time above the raster (--window)
    phi_pictures.py against n|bin report.json...  Phi against the number of nodes or the bin width

Every one takes --out FILE (default: beside the input, .png); time and against take --measure NAME.
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

INK, FAINT, BLUE, RED, GREEN = "#22262b", "#b8bdc4", "#1d4e89", "#d1495b", "#2a9d8f"
plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
                     "axes.edgecolor": INK, "text.color": INK, "axes.labelcolor": INK})


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def node_names(report, n):
    members = report.get("members")
    return [str(m.get("node", m.get("column"))) for m in members] if members else list(map(str, range(n)))


def save(figure, arguments, source):
    out = arguments.out or os.path.splitext(source)[0] + f"_{arguments.picture}.png"
    figure.savefig(out, dpi=150, bbox_inches="tight")
    print(out)


def picture_table(arguments):
    report = load(arguments.files[0])
    if "table" not in report:
        sys.exit(f"{arguments.files[0]}: there is no table in it (Gaussian?)")
    table = np.array(report["table"]["tpm"])
    visits = report["table"].get("visits")
    n = table.shape[1]
    labels = ["".join(str(i >> j & 1) for j in range(n)) for i in range(len(table))]
    figure, axes = plt.subplots(1, 2 if visits else 1, figsize=(2 + 0.35 * n + 2.2 * bool(visits),
                                1.2 + 0.16 * len(table)), sharey=True, squeeze=False,
                                gridspec_kw={"width_ratios": [n, 5]} if visits else None)
    image = axes[0, 0].imshow(table, aspect="auto", cmap="Blues", vmin=0, vmax=1)
    axes[0, 0].set_xticks(range(n), node_names(report, n))
    if len(table) <= 64:
        axes[0, 0].set_yticks(range(len(table)), labels, family="monospace")
    axes[0, 0].set(xlabel="node, one step later", ylabel="state (first node first)",
                   title="P(on | state)")
    figure.colorbar(image, ax=axes[0, 0], shrink=0.6)
    if visits:
        axes[0, 1].barh(range(len(visits)), np.maximum(visits, 0.5),
                        color=[BLUE if v >= 10 else RED for v in visits])
        axes[0, 1].set(xscale="log", xlabel="visits (red: fewer than 10)")
    save(figure, arguments, arguments.files[0])


def pairs_of(side):
    return {(unit, state) for unit, state in zip(side["purview"], side["state"])}


def relations(distinctions, size):
    """[(members, phi_r)] of all sets of `size` distinctions that overlap: phi_r = |overlap| x the
    least phi per (unit, state) of the members (Albantakis et al. 2023)."""
    unions = [pairs_of(d["cause"]) | pairs_of(d["effect"]) for d in distinctions]
    found = []
    for members in itertools.combinations(range(len(distinctions)), size):
        overlap = set.intersection(*(unions[m] for m in members))
        if overlap:
            found.append((members, len(overlap) * min(distinctions[m]["phi"] / len(unions[m])
                                                      for m in members)))
    return found


def picture_structure(arguments):
    report = load(arguments.files[0])
    if "structure" not in report["measures"]:
        sys.exit(f"{arguments.files[0]}: no structure in it; ask for it by --measures structure")
    structure = report["measures"]["structure"]
    distinctions = [d for d in structure["distinctions"] if d["congruent"]]
    figure, axis = plt.subplots(figsize=(6.5, 6))
    orders = sorted({len(d["mechanism"]) for d in distinctions})
    place = []
    for d in distinctions:
        same = [e for e in distinctions if len(e["mechanism"]) == len(d["mechanism"])]
        turn = 2 * np.pi * (same.index(d) + 0.25 * len(d["mechanism"])) / len(same)
        radius = 1.0 if len(orders) == 1 else 1 - 0.85 * orders.index(len(d["mechanism"])) / len(orders)
        place.append((radius * np.cos(turn), radius * np.sin(turn)))
    place = np.array(place).reshape(-1, 2)
    if len(distinctions) <= 40:
        triples = relations(distinctions, 3)
        most = max((phi for _, phi in triples), default=1)
        for members, phi in triples:
            axis.fill(*place[list(members)].T, color=GREEN,
                      alpha=min(0.15, 8 / len(triples)) * phi / most, lw=0)
    pairs = relations(distinctions, 2)
    most = max((phi for _, phi in pairs), default=1)
    for members, phi in pairs:
        axis.plot(*place[list(members)].T, color=BLUE, lw=0.3 + 3 * phi / most, alpha=0.5, zorder=1)
    largest = max((d["phi"] for d in distinctions), default=1)
    for d, (x, y) in zip(distinctions, place):
        axis.scatter(x, y, s=60 + 500 * d["phi"] / largest, color=RED, zorder=2, edgecolor="white")
        axis.annotate(",".join(map(str, d["mechanism"])), (x, y), ha="center", va="center",
                      color="white", fontsize=7, zorder=3)
    axis.set_aspect("equal")
    axis.axis("off")
    axis.set_title(f"{len(distinctions)} distinctions, {structure['relations']} relations, "
                   f"Φ = {structure['value']:.4g} ibits\n(dots: mechanisms by φ; lines and areas: "
                   "relations of two and three by φ)", fontsize=9)
    save(figure, arguments, arguments.files[0])


def measure_of(arguments, names):
    if arguments.measure:
        if arguments.measure not in names:
            sys.exit(f"--measure {arguments.measure}: allowed are {', '.join(names)}")
        return arguments.measure
    return names[0]


def raster(axis, path, members):
    import h5py
    with h5py.File(path) as file:
        spikes = file["spikes"]
        groups = [spikes] if "timestamps" in spikes else [spikes[name] for name in sorted(spikes)]
        for group in groups:
            node = group["node_ids" if "node_ids" in group else "gids"][:]
            time = group["timestamps"][:]
            axis.plot(time / 1000, node, "|", color=FAINT, ms=2, mew=0.4)
            chosen = np.isin(node, members)
            axis.plot(time[chosen] / 1000, node[chosen], "|", color=INK, ms=3, mew=0.5)
    axis.set(xlabel="time (s)", ylabel="neuron")


def picture_time(arguments):
    import h5py
    if len(arguments.files) != 2:
        sys.exit("time needs the HDF5 file of shinkei phi and the spike file")
    with h5py.File(arguments.files[0]) as file:
        names = [name for name in file if isinstance(file[name], h5py.Group) and "value" in file[name]]
        name = measure_of(arguments, names)
        begin = file["window_begin"][:] / 1000
        value, mean = file[f"{name}/value"][:], file[f"{name}/surrogate_mean"][:]
        low, high = file[f"{name}/low"][:], file[f"{name}/high"][:]
        members = np.unique(file["members"][:])
    figure, (above, below) = plt.subplots(2, 1, figsize=(8, 5), sharex=True,
                                          gridspec_kw={"height_ratios": [1, 1.2]})
    for g, row in enumerate(value):
        if len(value) == 1:
            above.fill_between(begin, low[g], high[g], step="post", color=BLUE, alpha=0.2, lw=0)
        above.step(begin, row, where="post", color=BLUE, lw=1.5 if len(value) == 1 else 0.5,
                   alpha=1 if len(value) == 1 else 0.4)
    if len(value) > 1:
        above.step(begin, np.nanmean(value, axis=0), where="post", color=INK, lw=1.5, label="mean")
    if np.isfinite(mean).any():
        above.step(begin, np.nanmean(mean, axis=0), where="post", color=RED, lw=1, ls="--",
                   label="shifted trains")
        above.legend(frameon=False)
    above.set(ylabel=name, title=f"{name} of {len(value)} group(s) of {len(members)} neurons")
    raster(below, arguments.files[1], members)
    save(figure, arguments, arguments.files[0])


def picture_against(arguments):
    what, *paths = arguments.files
    if what not in ("n", "bin") or not paths:
        sys.exit("against needs n or bin, then reports")
    reports = [load(path) for path in paths]
    names = list(reports[0]["measures"])
    chosen = [measure_of(arguments, names)] if arguments.measure else names
    figure, axes = plt.subplots(1, len(chosen), figsize=(3.2 * len(chosen), 2.8), squeeze=False)
    reports.sort(key=lambda r: len(r["members"]) if what == "n" else r["sample_width"])
    x = [len(r["members"]) if what == "n" else r["sample_width"] for r in reports]
    for axis, name in zip(axes[0], chosen):
        found = [r["measures"][name] for r in reports]
        value = np.array([f["value"] for f in found])
        if all("bootstrap_95" in f for f in found):
            axis.fill_between(x, [f["bootstrap_95"]["low"] for f in found],
                              [f["bootstrap_95"]["high"] for f in found], color=BLUE, alpha=0.2, lw=0)
        if all("surrogates" in f for f in found):
            axis.plot(x, [f["surrogates"]["mean"] for f in found], "--", color=RED, label="shifted trains")
        axis.plot(x, value, "o-", color=BLUE, label="measured")
        short = [i for i, r in enumerate(reports) if not r["coverage"]["sufficient"]]
        if short:
            axis.plot(np.array(x)[short], value[short], "o", mfc="white", mec=BLUE, label="data too few")
        axis.set(xlabel="nodes" if what == "n" else "bin (ms)", ylabel=f"{name} ({found[0]['unit']})")
        if what == "bin":
            axis.set_xscale("log")
    axes[0, 0].legend(frameon=False, fontsize=7)
    figure.tight_layout()
    save(figure, arguments, paths[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", choices=["table", "structure", "time", "against"])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--out")
    parser.add_argument("--measure")
    arguments = parser.parse_args()
    globals()["picture_" + arguments.picture](arguments)


if __name__ == "__main__":
    main()
