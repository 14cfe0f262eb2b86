#!/usr/bin/python3
"""Phi* and Phi_G of groups of four neurons in the cortical microcircuit, at different states of
activity, within and across layers.

The microcircuit of jobs/microcircuit at a tenth of its neurons and in-degrees. Its states differ in
one thing each: the delay of inhibition (0.75 ms as published: asynchronous; 2 and 3 ms: it comes too
late, and the network oscillates), a current that keeps layer 4 from firing, or no input at all. The
same groups are looked at in each state: three excitatory neurons and an inhibitory one, of one layer
or one from each, drawn among all neurons, whether they fire or not.
"""
import argparse
import json
import os
import subprocess
import sys

import h5py
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import matplotlib.ticker
import numpy as np
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import program
LAYERS = ["L23", "L4", "L5", "L6"]
WARM_UP, BIN = 500, 4                             # [ms]
MEASURES = ["star", "G", "MI1", "MI", "SI", "R", "TDMI"]
TITLES = {"star": "Φ*, mismatched decoding", "G": "$Φ_G$, geometric"}
NOTHING = 1e-12                                   # [nats] rounding
BLUE, RED, FAINT, INK = "#1d4e89", "#d1495b", "#b8bdc4", "#22262b"


def inhibition_after(delay):
    def change(model):
        for projection in model["projections"]:
            if projection["source"].endswith("I"):
                projection["delay"] = {"normal": {"mean": delay, "sd": delay / 8, "min": 0.05}}
    return change


def silence_layer_4(model):
    model["inputs"] += [{"type": "dc", "target": name, "amplitude": -2000} for name in ("L4E", "L4I")]


def take_input_away(model):
    model["inputs"] = []


STATES = {
    "asynchronous": lambda model: None,
    "oscillating": inhibition_after(2),
    "synchronous": inhibition_after(3),
    "layer 4 silenced": silence_layer_4,
    "silenced": take_input_away,
}


def draw_groups(model, each, out):
    """Three excitatory neurons and an inhibitory one: `each` of every layer, then as many across."""
    random = np.random.default_rng(1)
    size = {name: p["size"] for name, p in model["populations"].items()}
    kind, lines = [], []
    for layer in LAYERS:
        for _ in range(each):
            chosen = random.choice(size[layer + "E"], 3, replace=False)
            lines.append(f"{layer}E:" + ",".join(map(str, chosen))
                         + f",{layer}I:{random.integers(size[layer + 'I'])}")
            kind.append(layer)
    for k in range(len(LAYERS) * each):  # each layer in turn gives the inhibitory neuron
        names = [layer + ("I" if k % len(LAYERS) == i else "E") for i, layer in enumerate(LAYERS)]
        lines.append(",".join(f"{name}:{random.integers(size[name])}" for name in names))
        kind.append("across")
    with open(os.path.join(out, "groups.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return np.array(kind)


def simulate(name, base, duration, out):
    """Path of the spikes."""
    folder = os.path.join(out, name.replace(" ", "_"))
    os.makedirs(folder, exist_ok=True)
    model = yaml.safe_load(base)
    model["simulation"].update(duration=duration, warm_up=WARM_UP)
    STATES[name](model)
    path = os.path.join(folder, "model.yaml")
    with open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump(model, file, sort_keys=False)
    program.run("run", path, "--out", folder, "--threads", 1, "--overwrite")
    return os.path.join(folder, "spikes.h5")


def look(spikes, model, duration):
    """(raster of the last 300 ms: times, rows), rate [Hz], synchrony: variance over mean of how many
    fire in a bin."""
    time, row, first = [], [], 0
    with h5py.File(spikes) as file:
        for name, population in model["populations"].items():
            time.append(file[f"spikes/{name}/timestamps"][:])
            row.append(file[f"spikes/{name}/node_ids"][:].astype(int) + first)
            first += population["size"]
    time, row = np.concatenate(time), np.concatenate(row)
    count = np.histogram(time, np.arange(WARM_UP, WARM_UP + duration + 1, BIN))[0]
    late = (time > WARM_UP + duration - 300) & (row % 10 == 0)
    return (time[late] - WARM_UP - duration + 300, row[late]), len(time) / first / duration * 1000, \
        float(count.var() / count.mean()) if len(time) else float("nan")


def measure(spikes, duration, surrogates, out):
    path = os.path.join(os.path.dirname(spikes), "phi.h5")
    program.run("phi", "--spikes", spikes, "--groups", os.path.join(out, "groups.txt"), "--allow-silent",
                "--measures", ",".join(MEASURES), "--bin", BIN, "--begin", WARM_UP, "--end",
                WARM_UP + duration, "--bootstrap", 0, "--surrogates", surrogates, "--out", path,
                "--overwrite")
    with h5py.File(path) as file:
        found = {name: {"value": file[name]["value"][:, 0], "baseline": file[name]["surrogate_mean"][:, 0],
                        "above": file[name]["above"][:, 0]} for name in MEASURES}
        return found, file["coverage/constant"][:, 0].astype(int)


def in_words(silent):
    """What silence does to the groups of a state."""
    whole, some, groups = int((silent == 4).sum()), int(((silent > 0) & (silent < 4)).sum()), len(silent)
    if whole == groups:
        return f"no neuron of the {groups} groups fires: nothing varies, every measure is 0 by definition"
    parts = []
    if whole:
        parts.append(f"{whole} of {groups} groups are silent altogether (0 by definition)")
    if some:
        parts.append(f"{some} of {groups} have silent neurons, which the minimum partition cuts off (0)")
    return "; ".join(parts) if parts else f"every neuron of the {groups} groups fires"


def summarise(name, state, kind, lines):
    lines.append(f"{name}: {state['rate']:.2f} Hz, synchrony {state['synchrony']:.3g}; "
                 + in_words(state["silent"]))
    for measure_name in MEASURES:
        m = state["found"][measure_name]
        text = []
        for what, chosen in [("within", kind != "across"), ("across", kind == "across")]:
            value, baseline = m["value"][chosen], m["baseline"][chosen]
            real = np.sum((m["above"][chosen] == 0) & (value > NOTHING))
            text.append(f"{what} {1e3 * abs(value.mean()):9.4f} (shifted {1e3 * abs(baseline.mean()):8.4f}; "
                        f"{real:2d} of {chosen.sum()} above all shifted)")
        lines.append(f"  {measure_name:5} mean, mnats: " + "   ".join(text))


def draw_rasters(axes, states, model):
    tops = np.cumsum([p["size"] for p in model["populations"].values()])
    for axis, (name, state) in zip(axes, states.items()):
        axis.plot(*state["raster"], ",", color=INK, rasterized=True)
        axis.set(xlim=(0, 300), ylim=(tops[-1], 0), title=name)
        for top in tops[1::2]:
            axis.axhline(top, color=FAINT, lw=0.5)
        axis.set(xticks=(0, 100, 200), yticks=[], xlabel="ms")
        if not len(state["raster"][0]):
            axis.text(150, tops[-1] / 2, "no spike", ha="center", color=FAINT)
    middle = np.concatenate(([0], tops[1::2]))
    for layer, low, high in zip(LAYERS, middle, middle[1:]):
        axes[0].annotate(layer.replace("L23", "L2/3"), (-8, (low + high) / 2), ha="right", va="center",
                         annotation_clip=False)


def draw_measure(axis, name, states, kind):
    random = np.random.default_rng(0)
    for k, state in enumerate(states.values()):
        for shift, colour, chosen in [(-0.17, BLUE, kind != "across"), (0.17, RED, kind == "across")]:
            value = 1e3 * state["found"][name]["value"][chosen]
            x = k + shift + random.uniform(-0.1, 0.1, len(value))
            axis.plot(x, np.maximum(value, 1e-3), "o", ms=3.5, mew=0, color=colour, alpha=0.75)
            axis.plot([k + shift - 0.13, k + shift + 0.13],
                      [max(1e-3, 1e3 * state["found"][name]["baseline"][chosen].mean())] * 2, color=INK)
        silent = int((state["silent"] > 0).sum())
        if silent:
            axis.annotate(f"{silent} of {len(kind)} groups\nwith silent\nneurons: 0", (k, 7e-4), ha="center",
                          va="top", fontsize=7, color=INK)
    axis.set(yscale="log", ylim=(8e-5, None), xticks=range(len(states)), ylabel="mnats (lowest row: 0)",
             title=TITLES[name])
    axis.set_yticks([1e-2, 1e-1, 1, 10])
    axis.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axis.set_xticklabels([s.replace(" silenced", "\nsilenced") for s in states], fontsize=8)


def draw(states, kind, model, out):
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure = plt.figure(figsize=(11, 7))
    above = figure.add_gridspec(1, len(states), left=0.07, right=0.99, top=0.95, bottom=0.6, wspace=0.08)
    below = figure.add_gridspec(1, 2, left=0.07, right=0.99, top=0.5, bottom=0.09, wspace=0.17)
    draw_rasters([figure.add_subplot(above[k]) for k in range(len(states))], states, model)
    for k, name in enumerate(TITLES):
        draw_measure(figure.add_subplot(below[k]), name, states, kind)
    figure.text(0.07, 0.005, "groups of four neurons:", color=INK, fontsize=8)
    figure.text(0.2, 0.005, "within a layer", color=BLUE, fontsize=8)
    figure.text(0.29, 0.005, "across layers", color=RED, fontsize=8)
    figure.text(0.38, 0.005, "line: mean of recordings with each train shifted in a circle", fontsize=8)
    figure.savefig(os.path.join(out, "cortex.png"), dpi=150)


def main():
    parser = argparse.ArgumentParser()
    program.add_output_folder(parser, HERE)
    parser.add_argument("--scale", type=float, default=0.1, help="of neurons and in-degrees")
    parser.add_argument("--duration", type=float, default=20000, help="of each state [ms]")
    parser.add_argument("--each", type=int, default=6, help="groups of a layer; four times as many across")
    parser.add_argument("--surrogates", type=int, default=20, help="shifted recordings of a group")
    options = parser.parse_args()
    out = options.out
    generate = os.path.join(HERE, "..", "microcircuit", "generate.py")
    done = subprocess.run([sys.executable, generate, "--scale", str(options.scale)], stdout=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    base = done.stdout
    model = yaml.safe_load(base)
    kind = draw_groups(model, options.each, out)
    states, lines = {}, []
    for name in STATES:
        spikes = simulate(name, base, options.duration, out)
        raster, rate, synchrony = look(spikes, model, options.duration)
        found, silent = measure(spikes, options.duration, options.surrogates, out)
        states[name] = {"raster": raster, "rate": rate, "synchrony": synchrony, "found": found,
                        "silent": silent}
        summarise(name, states[name], kind, lines)
        print("\n".join(lines[-1 - len(MEASURES):]), flush=True)
    with open(os.path.join(out, "cortex.json"), "w", encoding="utf-8") as file:
        json.dump({name: {"rate_hz": s["rate"], "synchrony": s["synchrony"] if s["rate"] else None,
                          "silence": in_words(s["silent"]), "group": kind.tolist(),
                          "silent_neurons": s["silent"].tolist(),
                          "measures": {m: {k: v.tolist() for k, v in f.items()}
                                       for m, f in s["found"].items()}}
                   for name, s in states.items()}, file, indent=1)
    draw(states, kind, model, out)


if __name__ == "__main__":
    main()
