#!/usr/bin/python3
"""Picture of a SONATA spikes file: raster of all populations, their rates beside it.

    picture.py results/spikes.h5                         writes results/picture.png
    picture.py spikes.h5 --out raster.pdf --raster 200   the last 200 ms

The eight populations of the cortical microcircuit are shown with the published rates of that
model; those of any other file alone. Sizes and order of the populations: see spike_statistics.py.
"""
import argparse
import os
import sys

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import spike_statistics

# Rates [Hz] of the full-scale model (microcircuit-PD14-model, Senk et al. 2025, after Potjans &
# Diesmann 2014), in the order from the surface of the cortex down.
PUBLISHED_RATES = {"L23E": 0.903, "L23I": 2.965, "L4E": 4.414, "L4I": 5.876,
                   "L5E": 7.569, "L5I": 8.633, "L6E": 1.105, "L6I": 7.829}
PUBLISHED_LABELS = {"L23E": "L2/3 E", "L23I": "L2/3 I", "L4E": "L4 E", "L4I": "L4 I",
                    "L5E": "L5 E", "L5I": "L5 I", "L6E": "L6 E", "L6I": "L6 I"}
POPULATIONS_MAX = 24   # shown at most: the largest
ROWS = 5000            # rows of the raster, shared out by the square root of sizes
FORMATS = (".png", ".pdf", ".svg")
GAP = 0.012            # between bands, of the height
INK, FAINT, PAPER = "#22262b", "#8a9099", "#ffffff"
EXCITATORY, INHIBITORY = "#1d4e89", "#d1495b"
OTHERS = ["#1d4e89", "#d1495b", "#2a9d8f", "#e09f3e", "#6d597a", "#5c7c2f"]


def is_microcircuit(populations):
    return {p.name for p in populations} == set(PUBLISHED_RATES)


def colour_of(population, index, microcircuit):
    if microcircuit:
        return EXCITATORY if population.name.endswith("E") else INHIBITORY
    return OTHERS[index % len(OTHERS)]


def chosen_populations(populations):
    """Those to show in their order, and how many are left out."""
    if is_microcircuit(populations):
        order = list(PUBLISHED_RATES)
        return sorted(populations, key=lambda p: order.index(p.name)), 0
    filled = [p for p in populations if len(p.recorded)]
    shown = sorted(filled, key=lambda p: -len(p.recorded))[:POPULATIONS_MAX]
    return [p for p in filled if p in shown], len(filled) - len(shown)


def bands(populations):
    """(top, bottom) of each population's band in [0, 1], from the top down; heights go with the
    square root of sizes so that small populations can be seen."""
    height = np.sqrt([max(len(p.recorded), 1) for p in populations])
    height = np.maximum(height, 0.35 * height.mean())
    height *= (1 - GAP * (len(populations) - 1)) / height.sum()
    top = 1 - np.concatenate(([0], np.cumsum(height + GAP)[:-1]))
    return list(zip(top, top - height))


def draw_raster(axes, populations, colours, places, begin, end):
    inches = axes.figure.get_figheight() * axes.get_position().height
    for population, colour, (top, bottom) in zip(populations, colours, places):
        recorded = population.recorded
        if not len(recorded):
            continue
        rows = min(len(recorded), max(1, int(round(ROWS * (top - bottom)))))
        # Evenly spread neurons: every one of `rows` stands for as many.
        shown = np.linspace(0, len(recorded) - 1, rows).round().astype(int)
        row_of = np.full(population.size, -1)
        row_of[recorded[shown]] = np.arange(rows)
        part = population.window(begin, end)
        row = row_of[part.node]
        keep = row >= 0
        y = top - (row[keep] + 0.5) / rows * (top - bottom)
        points = min(2.4, max(1.25, 72 * inches * (top - bottom) / rows * 0.9))
        axes.plot(part.time[keep], y, linestyle="none", marker="o", markersize=points,
                  markeredgewidth=0, color=colour, alpha=0.85, rasterized=True)
    for top, bottom in places[:-1]:
        axes.axhline(bottom - GAP / 2, color=FAINT, linewidth=0.4, alpha=0.5)
    axes.set_xlim(begin, end)
    axes.set_ylim(-0.004, 1.004)
    axes.set_xlabel("time (ms)")


def draw_rates(axes, populations, colours, places, rates, published):
    for population, colour, (top, bottom) in zip(populations, colours, places):
        centre, height = (top + bottom) / 2, min(0.03, 0.62 * (top - bottom))
        rate = rates[population.name]
        axes.barh(centre, rate, height=height, color=colour, linewidth=0)
        right = rate
        if published:
            right = max(rate, published[population.name])
            axes.plot([published[population.name]] * 2, [centre - 0.9 * height,
                      centre + 0.9 * height], color=INK, linewidth=1.6, solid_capstyle="butt")
        axes.annotate(f"{rate:.2f}", (right, centre), xytext=(5, 0), textcoords="offset points",
                      va="center", fontsize=8, color=INK)
    most = max([rates[p.name] for p in populations] + list((published or {}).values()) + [1e-3])
    axes.set_xlim(0, most * 1.22)
    axes.set_ylim(-0.004, 1.004)
    axes.set_xlabel("rate (spikes/s)")


def style(axes, left=False):
    for side in ("top", "right") + (() if left else ("left",)):
        axes.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        axes.spines[side].set_color(FAINT)
        axes.spines[side].set_linewidth(0.6)
    axes.tick_params(axis="x", color=FAINT, labelcolor=INK, width=0.6)
    axes.xaxis.label.set_color(INK)
    axes.set_yticks([])


def plain(name):
    """The name as it is, with no formula between two $."""
    return name.replace("$", r"\$")


def thousands(number):
    return f"{number:,}".replace(",", "\u2009")


def picture(populations, rate_window, raster_window, title, path):
    """Draw and write it; returns how many populations did not fit."""
    shown, left_out = chosen_populations(populations)
    if not shown:
        raise SystemExit("no population with neurons in the file: nothing to draw")
    microcircuit = is_microcircuit(shown)
    published = PUBLISHED_RATES if microcircuit else None
    colours = [colour_of(p, i, microcircuit) for i, p in enumerate(shown)]
    places = bands(shown)
    seconds = (rate_window[1] - rate_window[0]) * 1e-3
    rates = {p.name: len(p.window(*rate_window).time) / max(len(p.recorded), 1) / seconds
             for p in shown}

    matplotlib.rcParams.update({"font.family": "sans-serif", "font.size": 9,
                                "axes.labelsize": 9, "figure.facecolor": PAPER})
    figure = plt.figure(figsize=(10, 6.2))
    grid = figure.add_gridspec(1, 2, width_ratios=[3.3, 1], wspace=0.1, left=0.085, right=0.975,
                               top=0.885, bottom=0.085)
    raster, bars = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    draw_raster(raster, shown, colours, places, *raster_window)
    draw_rates(bars, shown, colours, places, rates, published)
    style(raster)
    style(bars, left=True)
    for population, colour, (top, bottom) in zip(shown, colours, places):
        label = PUBLISHED_LABELS[population.name] if microcircuit else plain(population.name)
        raster.annotate(label, (0, (top + bottom) / 2), xycoords=("axes fraction", "data"),
                        xytext=(-9, 0), textcoords="offset points", ha="right", va="center",
                        color=colour, fontweight="bold", fontsize=9)
    figure.text(0.085, 0.945, title, fontsize=12.5, color=INK, fontweight="bold")
    neurons = sum(len(p.recorded) for p in shown)
    thinned = neurons > ROWS
    figure.text(0.085, 0.905, f"{thousands(neurons)} neurons" + (
        ", evenly thinned; a band's height goes with the square root of its population's size"
        if thinned else ""), fontsize=8, color=FAINT)
    note = f"{rate_window[0]:g} to {rate_window[1]:g} ms"
    figure.text(bars.get_position().x0, 0.905, note + (", mark: published" if published else ""),
                fontsize=8, color=FAINT)
    try:
        figure.savefig(path, dpi=160)
    except OSError as problem:
        raise SystemExit(f"{path}: cannot be written: {problem.strerror or problem}") from None
    plt.close(figure)
    return left_out


def picture_option(text):
    """A file for the picture; for argparse."""
    if not text.lower().endswith(FORMATS):
        raise argparse.ArgumentTypeError(f"'{text}' must end in " + ", ".join(FORMATS))
    return spike_statistics.output_option(text)


def length_option(text):
    """A length of time [ms]; for argparse."""
    value = spike_statistics.time_option(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no length: must be above 0")
    return value


def title_option(text):
    """A title that matplotlib can set, formulas included; for argparse."""
    figure = plt.figure()
    try:
        figure.text(0, 0, text)
        figure.canvas.draw()
    except ValueError as problem:
        raise argparse.ArgumentTypeError(
            f"{text!r} cannot be set: {spike_statistics.one_line(problem)}") from None
    finally:
        plt.close(figure)
    return text


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spikes", help="SONATA spikes file")
    parser.add_argument("--out", type=picture_option, help="file to write, .png, .pdf or .svg "
                        "(default: picture.png beside the spikes)")
    parser.add_argument("--model", help="model file with the sizes of the populations")
    parser.add_argument("--from", dest="begin", type=spike_statistics.time_option, metavar="MS",
                        help="rates are counted from here (default: where recording begins)")
    parser.add_argument("--to", dest="end", type=spike_statistics.time_option, metavar="MS",
                        help="... to here")
    parser.add_argument("--raster", type=length_option, default=400.0, metavar="MS",
                        help="length of the raster, which ends where the rates end (default 400)")
    parser.add_argument("--title", type=title_option, help="formulas between two $")
    options = parser.parse_args()
    if options.out is None:
        options.out = os.path.join(os.path.dirname(os.path.abspath(options.spikes)), "picture.png")
    spike_statistics.refuse_to_replace(options.out, options.spikes, options.model)
    return options


def default_title(path, populations):
    folder, name = os.path.split(os.path.abspath(path))
    if is_microcircuit(populations):
        return "Cortical microcircuit"
    return plain(os.path.basename(folder) if name == "spikes.h5" else name)


def main():
    options = parse_arguments()
    sizes, _, model_begin, model_end = spike_statistics.read_model(options.spikes, options.model)
    populations = spike_statistics.read_spikes(options.spikes, sizes)
    populations, begin, end = spike_statistics.window_of(populations, model_begin, model_end,
                                                         options.begin, options.end)
    title = options.title if options.title is not None else default_title(options.spikes, populations)
    left_out = picture(populations, (begin, end), (max(begin, end - options.raster), end), title,
                       options.out)
    if left_out:
        print(f"the {POPULATIONS_MAX} largest populations are shown, {left_out} are left out")
    print(options.out)


if __name__ == "__main__":
    spike_statistics.run(main)
