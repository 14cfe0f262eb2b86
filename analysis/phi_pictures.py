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
import re
import sys

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

INK, FAINT, BLUE, RED, GREEN = "#22262b", "#b8bdc4", "#1d4e89", "#d1495b", "#2a9d8f"
plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
                     "axes.edgecolor": INK, "text.color": INK, "axes.labelcolor": INK})


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
    except OSError as fault:
        sys.exit(f"{path}: {fault.strerror}")
    except ValueError:
        sys.exit(f"{path}: no JSON in it; a report of shinkei phi is needed")
    if not isinstance(report, dict) or "measures" not in report:
        sys.exit(f"{path}: no report of shinkei phi (there are no measures in it)")
    return report


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
    axis.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), aspect="equal")
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


def open_hdf5(path):
    import h5py
    try:
        return h5py.File(path)
    except OSError as fault:
        sys.exit(f"{path}: {os.strerror(fault.errno) if fault.errno else 'no HDF5 file'}")


def raster(axis, path, chosen):
    """Populations above one another, in the order of their names; chosen: {(population, node)}."""
    with open_hdf5(path) as file:
        if "spikes" not in file:
            sys.exit(f"{path}: there is no group /spikes; a SONATA spike file has one")
        spikes = file["spikes"]
        groups = [spikes] if "timestamps" in spikes else [spikes[name] for name in sorted(spikes)]
        base = 0
        for population, group in enumerate(groups):
            node = group["node_ids" if "node_ids" in group else "gids"][:].astype(np.int64)
            units = group["timestamps"].attrs.get("units", "ms")
            units = units.decode() if isinstance(units, bytes) else units
            time = group["timestamps"][:] / (1 if units[:1] == "s" else 1000)
            member = np.isin(node, [i for k, i in chosen if k == population])
            axis.plot(time, base + node, "|", color=FAINT, ms=2, mew=0.4)
            axis.plot(time[member], base + node[member], "|", color=INK, ms=3, mew=0.5)
            base += node.max() + 1 if len(node) else 0
    axis.set(xlabel="time (s)", ylabel="neuron" if len(groups) == 1 else "neuron, by population")


def window_seconds(file, path):
    settings = file.attrs.get("settings", "")
    settings = settings.decode() if isinstance(settings, bytes) else settings
    found = re.search(r" width=(\S+) window=(\d+) step=", settings)
    if not found:
        sys.exit(f"{path}: no results of shinkei phi for many windows")
    return float(found[1]) * int(found[2]) / 1000


def picture_time(arguments):
    import h5py
    if len(arguments.files) != 2:
        sys.exit("time needs the HDF5 file of shinkei phi and the spike file")
    path, spikes = arguments.files
    with open_hdf5(path) as file:
        length = window_seconds(file, path)
        names = [name for name in file if isinstance(file[name], h5py.Group) and "value" in file[name]]
        name = measure_of(arguments, names)
        begin = file["window_begin"][:] / 1000
        # the last value holds to the end of its window
        value, mean, low, high = (np.pad(file[f"{name}/{what}"][:], ((0, 0), (0, 1)), "edge")
                                  for what in ("value", "surrogate_mean", "low", "high"))
        size = file["members"].shape[1]
        chosen = set(zip(file["populations"][:].ravel().tolist(), file["members"][:].ravel().tolist()))
    begin = np.append(begin, begin[-1] + length)
    figure, (above, below) = plt.subplots(2, 1, figsize=(8, 5), sharex=True,
                                          gridspec_kw={"height_ratios": [1, 1.2]})
    for g, row in enumerate(value):
        if len(value) == 1:
            above.fill_between(begin, low[g], high[g], step="post", color=BLUE, alpha=0.2, lw=0)
        above.step(begin, row, where="post", color=BLUE, lw=1.5 if len(value) == 1 else 0.5,
                   alpha=1 if len(value) == 1 else 0.4)
    if len(value) > 1 and np.isfinite(value).any():
        above.step(begin, np.nanmean(value, axis=0), where="post", color=INK, lw=1.5, label="mean")
    if np.isfinite(mean).any():
        above.step(begin, np.nanmean(mean, axis=0), where="post", color=RED, lw=1, ls="--",
                   label="shifted trains")
    if above.get_legend_handles_labels()[0]:
        above.legend(frameon=False)
    groups = "1 group" if len(value) == 1 else f"{len(value)} groups"
    above.set(ylabel=name, title=f"{name} of {groups} of {size} neurons")
    raster(below, spikes, chosen)
    save(figure, arguments, path)


def picture_against(arguments):
    what, *paths = arguments.files
    if what not in ("n", "bin") or not paths:
        sys.exit("against needs n or bin, then reports")
    reports = [load(path) for path in paths]
    names = list(reports[0]["measures"])
    chosen = [measure_of(arguments, names)] if arguments.measure else names
    figure, axes = plt.subplots(1, len(chosen), figsize=(3.2 * len(chosen), 2.8), squeeze=False)
    for path, report in zip(paths, reports):
        if "members" not in report and what == "bin":
            sys.exit(f"{path}: a report of a table has no bin; allowed are reports of spikes or recordings")
        missing = [name for name in chosen if name not in report["measures"]]
        if missing:
            sys.exit(f"{path}: there is no {missing[0]} in it, as in {paths[0]}")

    def abscissa(report):
        if what == "bin":
            return report["sample_width"]
        return len(report["members"]) if "members" in report else report["nodes"]
    reports.sort(key=abscissa)
    x = [abscissa(r) for r in reports]
    for axis, name in zip(axes[0], chosen):
        found = [r["measures"][name] for r in reports]
        value = np.array([f["value"] for f in found])
        if all("bootstrap_95" in f for f in found):
            axis.fill_between(x, [f["bootstrap_95"]["low"] for f in found],
                              [f["bootstrap_95"]["high"] for f in found], color=BLUE, alpha=0.2, lw=0)
        if all("surrogates" in f for f in found):
            axis.plot(x, [f["surrogates"]["mean"] for f in found], "--", color=RED, label="shifted trains")
        axis.plot(x, value, "o-", color=BLUE, label="measured")
        short = [i for i, r in enumerate(reports) if "coverage" in r and not r["coverage"]["sufficient"]]
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
