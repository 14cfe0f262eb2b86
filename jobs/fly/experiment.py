#!/usr/bin/python3
"""The sugar experiment of Shiu et al. 2024: drive the taste neurons, read the motor neuron MN9.

    experiment.py --edges fly_edges.h5 --nodes fly_nodes.h5 --node-sets jobs/fly/node_sets.json \\
                  --drive sugar_grn --read MN9_left,MN9_right --out results/sugar
    ... --published rates_sugarR.csv     compare with the published rates (flywire_id,
                                         rate_hz_mean, rate_hz_std)

Runs shinkei once a trial with seeds 1, 2, ... (from --seed on), each for --duration, and leaves in --out
the model file, each trial's results in trial_01, trial_02, ..., rates.csv: mean and standard deviation of
every neuron's rate over the trials, and picture.png: a raster of the first trial and the rates of --read.
An earlier experiment there is kept unless --overwrite. All options of make_model.py apply. Environment:
SHINKEI, the binary (default: build/shinkei of this source tree, or the one on the PATH).
"""
import argparse
import csv
import math
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
import make_model
import picture
import program
import sonata

TRIALS_MOST = 10000


def run_trial(binary, model_path, seed, folder):
    """One trial; ends the program with shinkei's own message where it fails."""
    done = subprocess.run([binary, "run", model_path, "--seed", str(seed), "--out", folder,
                           "--overwrite"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"trial {seed} failed with status {done.returncode}:\n"
                         f"{done.stdout}{done.stderr}")


def trial_rates(folder, population, neurons, duration):
    """Rate [Hz] of every neuron."""
    _, node = sonata.read_spikes(os.path.join(folder, "spikes.h5"), population)
    return np.bincount(node, minlength=neurons) / (duration * 1e-3)


def read_rate(row, column):
    value = float(row[column])
    if not 0 <= value < math.inf:
        raise ValueError(f"{column} {row[column]} is no rate")
    return value


def read_published(path, roots):
    """(mean, sd) for each neuron; a neuron that the file leaves out was silent."""
    place = {int(root): node for node, root in enumerate(roots)}
    mean, deviation, found, rows = np.zeros(len(roots)), np.zeros(len(roots)), 0, None
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            for row in rows:
                rates = read_rate(row, "rate_hz_mean"), read_rate(row, "rate_hz_std")
                node = place.get(int(row["flywire_id"]))
                if node is not None:
                    mean[node], deviation[node] = rates
                    found += 1
    except OSError as problem:
        raise SystemExit(f"{path}: cannot be read: {problem.strerror}") from None
    except (csv.Error, KeyError, TypeError, ValueError) as problem:
        raise SystemExit(f"{path}: line {rows.line_num if rows else 1}: must be flywire_id, "
                         f"rate_hz_mean, rate_hz_std: {problem}") from None
    if not found:
        raise SystemExit(f"{path}: has no neuron of --nodes by its root id")
    return mean, deviation


def write_text(path, text):
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        raise SystemExit(f"{path}: cannot be written: {problem.strerror}") from None


def write_rates(path, rates, roots):
    lines = ["node_id,flywire_id,rate_hz_mean,rate_hz_std"]
    for node, (mean, deviation) in enumerate(zip(rates.mean(axis=0), rates.std(axis=0))):
        root = roots[node] if roots is not None else ""
        lines.append(f"{node},{root},{mean:.4f},{deviation:.4f}")
    write_text(path, "\n".join(lines) + "\n")


def report(options, rates, read, published):
    print(f"\n{len(rates)} trials of {options.duration:g} ms: "
          f"{rates.sum(axis=1).mean() * options.duration * 1e-3:.0f} spikes a trial, "
          f"{int((rates.max(axis=0) > 0).sum())} neurons active")
    head = f"{'neuron':>22} {'rate/Hz':>16}"
    print(head + (f" {'published':>16}" if published else ""))
    for name, node in read:
        here = f"{rates[:, node].mean():8.1f} +- {rates[:, node].std():4.1f}"
        there = f"{published[0][node]:8.1f} +- {published[1][node]:4.1f}" if published else ""
        print(f"{name:>22} {here:>16} {there:>16}")
    if published and rates.mean(axis=0).std() * published[0].std() == 0:
        print("no correlation with the published rates: all neurons have one rate")
    elif published:
        r = np.corrcoef(rates.mean(axis=0), published[0])[0, 1]
        print(f"correlation of all neurons' rates with the published ones: r = {r:.4f}")


def parse_arguments():
    parser = make_model.parser()
    parser.description = __doc__
    parser.add_argument("--trials", type=make_model.number(1, TRIALS_MOST, int), default=30,
                        help="default 30")
    parser.add_argument("--read", help="neurons to print, named like those of --drive")
    parser.add_argument("--published", help="CSV file of rates to compare with; needs --nodes")
    parser.add_argument("--out", required=True, help="folder for the results")
    parser.add_argument("--overwrite", action="store_true", help="remove an earlier experiment there")
    options = parser.parse_args()
    if options.published is not None and options.nodes is None:
        parser.error("--published needs --nodes, where the root ids are")
    if not options.out:
        parser.error("--out: '' is no folder")
    return options


def neurons_to_read(options, population, neurons):
    """[(name, node)] of --read."""
    if options.read is None:
        return []
    node_sets = make_model.read_node_sets(options.node_sets)
    return [(name, node) for name in options.read.split(",")
            for node in make_model.find_nodes(name, node_sets, options.nodes, population, neurons,
                                              "--read")]


def trial_folder(options, trial, *name):
    return os.path.join(options.out, f"trial_{trial + 1:02d}", *name)


def clear_earlier(options):
    """Refuse an earlier experiment in --out, or remove it; its folders of trials may be links."""
    names = os.listdir(options.out) if os.path.isdir(options.out) else []
    found = [os.path.join(options.out, name) for name in sorted(names)
             if re.fullmatch(r"model\.yaml|rates\.csv|picture\.png|trial_\d+", name)]
    if found and not options.overwrite:
        raise SystemExit(f"{found[0]}: is there from an earlier experiment: choose another --out, or --overwrite")
    for path in filter(None, (options.edges, options.nodes, options.node_sets, options.spikes, options.published)):
        if any((os.path.realpath(path) + os.sep).startswith(os.path.realpath(old) + os.sep) for old in found):
            raise SystemExit(f"{path}: is read, and --overwrite would remove it")
    for path in found:
        try:
            os.remove(path) if os.path.islink(path) or not os.path.isdir(path) else shutil.rmtree(path)
        except OSError as problem:
            raise SystemExit(f"{path}: cannot be removed: {problem.strerror}") from None


def run_trials(options, binary, model_path, population, neurons, read):
    """Rates [Hz] [trials][neurons]."""
    rates = np.zeros((options.trials, neurons))
    for trial in range(options.trials):
        folder = trial_folder(options, trial)
        run_trial(binary, model_path, trial + options.seed, folder)
        rates[trial] = trial_rates(folder, population, neurons, options.duration)
        print(f"trial {trial + 1} of {options.trials}: " + ", ".join(
            f"{name} {rates[trial, node]:.0f} Hz" for name, node in read), flush=True)
    return rates


def main():
    options = parse_arguments()
    binary, model = program.find(), make_model.build(options)
    (population, entry), = model["populations"].items()
    read = neurons_to_read(options, population, entry["size"])
    roots = (sonata.node_attribute(options.nodes, population, "flywire_root_id")
             if options.nodes is not None else None)
    published = read_published(options.published, roots) if options.published is not None else None

    clear_earlier(options)
    model_path = os.path.join(options.out, "model.yaml")
    write_text(model_path, yaml.safe_dump(model, sort_keys=False, default_flow_style=None, width=100))
    rates = run_trials(options, binary, model_path, population, entry["size"], read)
    write_rates(os.path.join(options.out, "rates.csv"), rates, roots)
    report(options, rates, read, published)
    spikes = sonata.read_spikes(trial_folder(options, 0, "spikes.h5"), population)
    driven = [node for some in entry.get("overrides", []) for node in some["nodes"]]
    picture.draw(os.path.join(options.out, "picture.png"), spikes, options.duration, rates, driven, read,
                 published)


if __name__ == "__main__":
    main()
