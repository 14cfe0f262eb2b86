#!/usr/bin/python3
"""Rates, irregularity and correlations of the populations in a SONATA spikes file.

    spike_statistics.py results/spikes.h5
    spike_statistics.py spikes.h5 --from 500 --to 5500 --json statistics.json
    spike_statistics.py spikes.h5 --reference microcircuit.json --case seed55_5s

Works on any SONATA spikes file, Shinkei's or not: /spikes/<population>/{timestamps,node_ids}, or
the older /spikes/{timestamps,gids}. Shinkei's tell from when to when and of which neurons of how many
they hold the spikes. Else the window is that of --model or of the effective.yaml beside the file, or
from 0 to the last spike, and sizes of populations come from there, or from the largest node id seen,
which is said.

Definitions, over the window from < t <= to and the recorded neurons:
  rate         spikes a neuron and second, silent neurons included [Hz]
  cv           standard deviation (of the population kind) over mean of a neuron's inter-spike
               intervals, averaged over neurons with at least three spikes, not all at one time. It
               depends on the length of the window: compare equal windows only.
  correlation  Pearson's coefficient of spike counts in bins of 2 ms, mean over all pairs of 200
               neurons drawn among those with at least one spike, averaged over 20 draws
  synchrony    variance over mean of the population's spike count in bins of 3 ms
"""
import argparse
import json
import math
import os
import re
import sys

import h5py
import numpy as np
import yaml

CORRELATION_BIN, SYNCHRONY_BIN = 2.0, 3.0  # [ms]
TIME_SLACK = 1e-6  # [ms] times are multiples of dt up to rounding
TIME_MOST = 1e10   # [ms] of a model, see include/model.h
NODE_MOST = 2**32 - 2


class Population:
    """Spikes of one population: name, size (None: unknown), time[n] [ms], node[n]; recorded: ids of the
    neurons that are, others' spikes are left out (None: all); extent: (begin, end) [ms] of the recording
    where it is told, else None."""

    def __init__(self, name, size, time, node, recorded=None, extent=None):
        self.name, self.size, self.extent = name, size, extent
        self.size_is_known = size is not None
        if not self.size_is_known:
            self.size = int(node.max()) + 1 if len(node) else 0
        self.recorded = np.arange(self.size) if recorded is None else recorded
        if len(self.recorded) < self.size:
            kept = np.isin(node, self.recorded)
            time, node = time[kept], node[kept]
        order = np.lexsort((node, time))
        self.time, self.node = time[order], node[order]

    def window(self, begin, end):
        """The same population with the spikes of begin < t <= end alone."""
        inside = (self.time > begin + TIME_SLACK) & (self.time <= end + TIME_SLACK)
        return Population(self.name, self.size, self.time[inside], self.node[inside], self.recorded,
                          self.extent)


def run(main):
    """End with the status of main(), or in words where the memory is not enough; quietly where nobody
    reads on, as behind `| head`."""
    try:
        status = main()
        sys.stdout.flush()
        sys.exit(status)
    except OSError as problem:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1 if isinstance(problem, BrokenPipeError) else
                 f"the result cannot be written: {problem.strerror or problem}")
    except MemoryError as problem:
        sys.exit(f"too little memory for so many neurons, or so long a window: {problem}")


def one_line(problem):
    """What a library says of a problem, in several lines now and then."""
    return " ".join(str(problem).split())


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def time_option(text):
    """A time [ms] on the command line; for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= TIME_MOST:
        raise argparse.ArgumentTypeError(f"'{text}' is no time: must be a number of ms, at most "
                                         f"{TIME_MOST:g}")
    return value


def output_option(text):
    """A file that can be made or replaced; for argparse."""
    folder = os.path.dirname(text) or "."
    if not text or os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no name of a file" + (
            ", but a folder" if text else ""))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"'{text}' cannot be written: {folder} is no folder that "
                                         "files can be made in")
    return text


def refuse_to_replace(out, *inputs):
    """`inputs`: files that are read, or None."""
    for path in filter(None, inputs):
        if os.path.realpath(out) == os.path.realpath(path):
            raise SystemExit(f"{out}: is read, and would be replaced")


def read_units(timestamps):
    """Factor that turns the data set's times into ms."""
    units = timestamps.attrs.get("units", "ms")
    units = units.decode(errors="replace") if isinstance(units, bytes) else str(units)
    factors = {"ms": 1.0, "milliseconds": 1.0, "s": 1e3, "seconds": 1e3, "us": 1e-3}
    if units not in factors:
        raise ValueError(f"{timestamps.name}: unit '{units}' is not one of " + ", ".join(factors))
    return factors[units]


def read_array(group, names, kinds, words):
    """The first of `names` that is there: an array of one dimension, of numbers of these kinds."""
    name = next((name for name in names if name in group), None)
    if name is None:
        raise ValueError(f"{group.name} has no {' or '.join(names)}")
    data = group[name]
    if not isinstance(data, h5py.Dataset) or data.ndim != 1 or data.dtype.kind not in kinds:
        found = f"{data.dtype}, {data.ndim}-dimensional" if isinstance(data, h5py.Dataset) else \
            "no dataset"
        raise ValueError(f"{group.name}/{name} is {found}: must be a one-dimensional array of {words}")
    return data[:]


def read_group(group):
    """(time[n] [ms], node[n]) of one population."""
    time = read_array(group, ("timestamps",), "iuf", "numbers")
    node = read_array(group, ("node_ids", "gids"), "iu", "integers")
    if len(time) != len(node):
        raise ValueError(f"{group.name} has {len(time)} timestamps and {len(node)} node ids: there "
                         "must be as many")
    time = time.astype(float) * read_units(group["timestamps"])
    for wrong, values, words in (
            (~np.isfinite(time), time, "time {} ms: must be finite"),
            ((node < 0) | (node > NODE_MOST), node, f"node id {{}}: must be from 0 to {NODE_MOST}")):
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ValueError(f"{group.name}: spike {at} has the " + words.format(values[at]))
    return time, node.astype(np.int64)


def told_nodes(text, size):
    """Ids of a list of neurons as a model file has it, ascending."""
    if text == "all":
        return np.arange(size)
    if not re.fullmatch(r"(\d+(-\d+)?(,\d+(-\d+)?)*)?", text):
        raise ValueError
    ends = [[int(end) for end in part.split("-")] for part in text.split(",") if part]
    borders = np.array([(part[0], part[-1]) for part in ends], np.int64).reshape(-1)
    least = np.arange(max(len(borders) - 1, 0)) % 2  # from a range's end to the next one's beginning: 1
    if (np.diff(borders) < least).any() or (borders >= size).any():
        raise ValueError
    return np.concatenate([np.zeros(0, np.int64)] + [np.arange(part[0], part[-1] + 1) for part in ends])


def read_told(group):
    """What Shinkei's files tell of a population, as keywords of Population; of other files nothing."""
    names = ("neurons", "recorded", "begin", "end")
    if not all(name in group.attrs for name in names):
        return {}
    told = {}
    for name in names:
        value = group.attrs[name]
        try:
            if name == "recorded":
                text = value.decode() if isinstance(value, bytes) else value
                told[name] = told_nodes(text, told["neurons"])
            elif name == "neurons":
                told[name] = int(value)
                if told[name] != value or not 0 <= told[name] <= NODE_MOST + 1:
                    raise ValueError
            else:
                told[name] = float(value)
                if not abs(told[name]) <= TIME_MOST:
                    raise ValueError
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{group.name}: attribute {name}: {one_line(value)[:80]!r} is damaged") from None
    return {"size": told["neurons"], "recorded": told["recorded"], "extent": (told["begin"], told["end"])}


def spike_groups(file):
    """{name of the population: its group}, in the newer or the older layout."""
    root = file.get("spikes")
    if not isinstance(root, h5py.Group):
        raise ValueError("there is no group /spikes")
    groups = {name: root[name] for name in root}
    if "timestamps" in groups:
        beside = [name for name, group in groups.items() if isinstance(group, h5py.Group)]
        if beside:
            raise ValueError(f"/spikes holds timestamps and a population '{beside[0]}': must be one "
                             "or the other")
        return {"spikes": root}
    for name, group in groups.items():
        if not isinstance(group, h5py.Group):
            raise ValueError(f"/spikes/{name} is no group of timestamps and node_ids")
    return groups


def read_spikes(path, sizes=None):
    """Populations of a SONATA spikes file, in the order of `sizes` {name: neurons}, then by name.
    A population of `sizes` that the file leaves out was not recorded and is not returned."""
    sizes, found = sizes or {}, {}
    if not os.path.isfile(path):
        raise SystemExit(f"{path}: " + ("is no file" if os.path.exists(path) else "no such file"))
    try:
        with h5py.File(path, "r") as file:
            for name, group in spike_groups(file).items():
                time, node = read_group(group)
                told = {"size": sizes.get(name), **read_told(group)}
                most = int(node.max(initial=-1))
                if told["size"] != sizes.get(name, told["size"]):
                    raise ValueError(f"{group.name} is of {told['size']} neurons, but the model's "
                                     f"{name} has {sizes[name]}")
                if told["size"] is not None and most >= told["size"]:
                    raise ValueError(f"{group.name} has a spike of node {most}, but {name} has "
                                     f"{told['size']} neurons, numbered from 0")
                found[name] = Population(name=name, time=time, node=node, **told)
    except (OSError, KeyError, RuntimeError, ValueError) as problem:
        raise SystemExit(f"{path}: not a SONATA spikes file: {one_line(problem)}") from None
    known = [name for name in sizes if name in found]
    return [found[name] for name in known + sorted(set(found) - set(known))]


def load(path, kind, parse):
    """What `parse` makes of a text file of this kind; a fault ends the program with one line."""
    try:
        with open(path, encoding="utf-8") as file:
            return parse(file)
    except OSError as problem:
        raise SystemExit(f"{path}: cannot be read: {problem.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise SystemExit(f"{path}: no {kind} in it: {one_line(problem)}") from None


def model_number(path, key, value, kind=float, most=TIME_MOST):
    """The value of a model's key, checked. YAML 1.1 takes 1e4 for text, shinkei for a number."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= most or kind(number) != number:
        raise SystemExit(f"{path}: {key}: {value!r} is no {'integer' if kind is int else 'number'} "
                         f"from 0 to {most:.10g}")
    return kind(number)


def model_mapping(path, parent, key, name):
    """A section of a model."""
    section = parent.get(key) if isinstance(parent, dict) else None
    if not isinstance(section, dict):
        raise SystemExit(f"{path}: not a model file: there is no mapping '{name}'")
    return section


def read_model(spikes_path, model_path=None):
    """(sizes {name: neurons}, expected rates {name: Hz}, first ms recorded, last ms) from a model
    file, the effective one beside the spikes by default; empty and None where there is none."""
    path = model_path if model_path is not None else os.path.join(
        os.path.dirname(os.path.abspath(spikes_path)), "effective.yaml")
    if model_path is None and not os.path.exists(path):
        return {}, {}, None, None
    model, sizes, rates = load(path, "YAML", yaml.safe_load), {}, {}
    simulation = model_mapping(path, model, "simulation", "simulation")
    populations = model_mapping(path, model, "populations", "populations")
    for name in populations:
        section = f"populations.{name}"
        population = model_mapping(path, populations, name, section)
        sizes[str(name)] = model_number(path, section + ".size", population.get("size"), int,
                                        NODE_MOST + 1)
        if "expected_rate" in population:
            rates[str(name)] = model_number(path, section + ".expected_rate",
                                            population["expected_rate"])
    begin = model_number(path, "simulation.warm_up", simulation.get("warm_up", 0.0))
    duration = model_number(path, "simulation.duration", simulation.get("duration"))
    return sizes, rates, begin, begin + duration


def interval_cv(population):
    """CV of the inter-spike intervals of each neuron with three spikes or more."""
    order = np.lexsort((population.time, population.node))
    time, node = population.time[order], population.node[order]
    interval, same = np.diff(time), np.diff(node) == 0
    owner, interval = node[1:][same], interval[same]
    count = np.bincount(owner, minlength=population.size)
    total = np.bincount(owner, interval, population.size)
    enough = (count >= 2) & (total > 0)
    mean = total[enough] / count[enough]
    deviation = interval - np.divide(total, count, where=count > 0, out=np.zeros(len(total)))[owner]
    variance = np.bincount(owner, deviation**2, population.size)[enough] / count[enough]
    return np.sqrt(variance) / mean


def counts_in_bins(time, begin, end, width):
    """Bin of each spike for bins (begin + i width, begin + (i + 1) width], and how many bins."""
    bins = int(np.floor((end - begin) / width + TIME_SLACK))
    index = np.ceil((time - begin) / width - TIME_SLACK).astype(np.int64) - 1
    return np.clip(index, 0, None), bins


def pair_correlation(population, begin, end, neurons=200, draws=20, seed=1):
    """Mean correlation of each draw; [draws] values, empty where fewer than two neurons fire."""
    active = np.unique(population.node)
    if len(active) < 2:
        return np.zeros(0)
    index, bins = counts_in_bins(population.time, begin, end, CORRELATION_BIN)
    if bins < 2:
        return np.zeros(0)
    generator, means = np.random.default_rng(seed), []
    for _ in range(draws):
        chosen = generator.choice(active, min(neurons, len(active)), replace=False)
        row = np.full(population.size, -1)
        row[chosen] = np.arange(len(chosen))
        keep = (row[population.node] >= 0) & (index < bins)
        flat = row[population.node[keep]] * bins + index[keep]
        counts = np.bincount(flat, minlength=len(chosen) * bins).reshape(len(chosen), bins)
        counts = counts[counts.std(axis=1) > 0]
        if len(counts) > 1:
            matrix = np.corrcoef(counts)
            means.append(matrix[np.triu_indices(len(counts), 1)].mean())
    return np.array(means)


def synchrony(population, begin, end):
    """Fano factor of the population's spike count; NaN where nothing fires."""
    index, bins = counts_in_bins(population.time, begin, end, SYNCHRONY_BIN)
    counts = np.bincount(index[index < bins], minlength=bins)
    return counts.var() / counts.mean() if counts.any() else float("nan")


def mean_or_nan(values):
    return float(np.mean(values)) if len(values) else float("nan")


def describe(population, begin, end):
    """All statistics of one population, as plain numbers."""
    part = population.window(begin, end)
    cv = interval_cv(part)
    draws = pair_correlation(part, begin, end)
    seconds = (end - begin) * 1e-3
    per_neuron = np.bincount(part.node, minlength=part.size)[part.recorded] / seconds
    return {
        "neurons": len(part.recorded), "spikes": len(part.time), "rate": mean_or_nan(per_neuron),
        "rate_sd": float(per_neuron.std()) if len(per_neuron) else float("nan"),
        "silent": mean_or_nan(per_neuron == 0), "cv": mean_or_nan(cv), "cv_neurons": len(cv),
        "correlation": mean_or_nan(draws), "synchrony": float(synchrony(part, begin, end)),
    }


def describe_all(populations, begin, end):
    return {p.name: describe(p, begin, end) for p in populations}


def check_reference(path, case, chosen):
    """Ends the program where a value that will be compared is none."""
    values = {key: chosen.get(key) for key in ("t0", "t1")}
    for name, population in chosen["pops"].items():
        values.update({f"pops.{name}.{key}": population.get(key) if isinstance(population, dict)
                       else None for key in ("rate_mean", "cv_isi_mean", "corr_mean")})
    for key, value in values.items():
        # A deviation of a rate is relative to it.
        if not is_number(value) or (key.endswith("rate_mean") and value <= 0):
            raise SystemExit(f"{path}: {case}.{key}: {value!r} is no number" + (
                " above 0" if key.endswith("rate_mean") else ""))


def load_reference(path, case=None):
    """(case, from, to, {population: values}) of a reference file: cases with t0, t1, pops."""
    content = load(path, "JSON", json.load)
    if not isinstance(content, dict):
        raise SystemExit(f"{path}: must be a mapping of cases, not a {type(content).__name__}")
    cases = [name for name, value in content.items()
             if isinstance(value, dict) and isinstance(value.get("pops"), dict)]
    if not cases:
        raise SystemExit(f"{path}: no reference: there is no case with t0, t1 and pops in it")
    if case is None and len(cases) == 1:
        case = cases[0]
    if case not in cases:
        raise SystemExit(f"{path}: choose a case of: " + ", ".join(cases))
    chosen = content[case]
    check_reference(path, case, chosen)
    return case, float(chosen["t0"]), float(chosen["t1"]), chosen["pops"]


def compare(found, reference, rate_bar=0.02, rate_bars=None, cv_bar=0.02, correlation_bar=6e-4):
    """Rows (population, quantity, found, reference, deviation, bar, within); the deviation of a
    rate is relative, the others absolute. `rate_bars`: {population: bar} where it differs."""
    rows = []
    for name, values in reference.items():
        have = found.get(name, {"rate": np.nan, "cv": np.nan, "correlation": np.nan})
        for quantity, want, bar in (
                ("rate", values["rate_mean"], (rate_bars or {}).get(name, rate_bar)),
                ("cv", values["cv_isi_mean"], cv_bar),
                ("correlation", values["corr_mean"], correlation_bar)):
            deviation = have[quantity] - want
            if quantity == "rate":
                deviation /= want
            rows.append((name, quantity, have[quantity], want, deviation, bar,
                         bool(abs(deviation) <= bar)))
    return rows


def print_statistics(found, out=sys.stdout):
    print(f"{'population':12} {'neurons':>8} {'spikes':>9} {'rate/Hz':>9} {'CV':>7} "
          f"{'corr.':>9} {'synchrony':>10} {'silent':>7}", file=out)
    for name, s in found.items():
        print(f"{name:12} {s['neurons']:8d} {s['spikes']:9d} {s['rate']:9.3f} {s['cv']:7.3f} "
              f"{s['correlation']:9.5f} {s['synchrony']:10.2f} {s['silent']:7.1%}", file=out)


def print_comparison(rows, out=sys.stdout):
    print(f"{'population':12} {'quantity':12} {'found':>10} {'reference':>10} {'deviation':>10} "
          f"{'bar':>9}", file=out)
    for name, quantity, have, want, deviation, bar, within in rows:
        text = (f"{deviation:10.2%} {bar:9.1%}" if quantity == "rate" else
                f"{deviation:10.5f} {bar:9.4f}")
        print(f"{name:12} {quantity:12} {have:10.5f} {want:10.5f} {text} "
              f"{'' if within else ' OUTSIDE'}", file=out)


def words_of(population):
    return f"{population.name} from {population.extent[0]:g} to {population.extent[1]:g} ms"


def window_of(populations, model_begin, model_end, begin, end):
    """(populations, begin, end): the window asked for, else that in which all of the file is recorded,
    else that of the model, else from 0 to the last spike. Populations that are told to be recorded for a
    part of it alone are left out, which is said."""
    last = max((float(p.time[-1]) for p in populations if len(p.time)), default=0.0)
    window = [model_begin if model_begin is not None else 0.0,
              model_end if model_end is not None else last]
    told = [p for p in populations if p.extent]
    if told and len(told) == len(populations):
        able = [p for p in told if (begin is None or begin < p.extent[1]) and
                (end is None or p.extent[0] < end)] or told
        window = [max(p.extent[0] for p in able), min(p.extent[1] for p in able)]
    begin = begin if begin is not None else window[0]
    end = end if end is not None else window[1]
    recorded = "; recorded are " + ", ".join(map(words_of, told)) if told else ""
    if not end > begin:
        raise SystemExit(f"the window from {begin:g} to {end:g} ms is empty{recorded}")
    partly = [p for p in told if begin < p.extent[0] - TIME_SLACK or end > p.extent[1] + TIME_SLACK]
    if partly and len(partly) == len(populations):
        raise SystemExit(f"the window from {begin:g} to {end:g} ms was not recorded{recorded}")
    for population in partly:
        print(f"left out: {words_of(population)}, not from {begin:g} to {end:g} ms", file=sys.stderr)
    return [p for p in populations if p not in partly], begin, end


def write_json(path, begin, end, found):
    """What could not be told is null: JSON knows no NaN."""
    told = {name: {key: None if isinstance(value, float) and math.isnan(value) else value
                   for key, value in statistics.items()} for name, statistics in found.items()}
    try:
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"from": begin, "to": end, "populations": told}, file, indent=1, allow_nan=False)
    except OSError as problem:
        raise SystemExit(f"{path}: cannot be written: {problem.strerror}") from None


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spikes", help="SONATA spikes file")
    parser.add_argument("--model", help="model file with the sizes of the populations")
    parser.add_argument("--from", dest="begin", type=time_option, metavar="MS")
    parser.add_argument("--to", dest="end", type=time_option, metavar="MS")
    parser.add_argument("--json", metavar="FILE", type=output_option,
                        help="write the statistics there as well")
    parser.add_argument("--reference", metavar="FILE", help="compare with this file; exit "
                        "status 1 where a value is outside its bar")
    parser.add_argument("--case", help="which case of the reference")
    options = parser.parse_args()
    if options.case is not None and options.reference is None:
        parser.error("--case names a case of --reference, which is not given")
    if options.json:
        refuse_to_replace(options.json, options.spikes, options.model, options.reference)
    return options


def main():
    options = parse_arguments()
    sizes, _, model_begin, model_end = read_model(options.spikes, options.model)
    populations = read_spikes(options.spikes, sizes)
    for population in populations:
        if not population.size_is_known:
            print(f"{population.name}: size unknown, taken as the largest node id + 1 = "
                  f"{population.size} (--model tells)", file=sys.stderr)
    begin, end, reference = options.begin, options.end, None
    if options.reference is not None:
        _, reference_begin, reference_end, reference = load_reference(options.reference,
                                                                      options.case)
        begin = reference_begin if begin is None else begin
        end = reference_end if end is None else end
    populations, begin, end = window_of(populations, model_begin, model_end, begin, end)
    found = describe_all(populations, begin, end)
    print(f"{begin:g} < t <= {end:g} ms")
    print_statistics(found)
    if options.json:
        write_json(options.json, begin, end, found)
    if reference is not None:
        rows = compare(found, reference, rate_bars={"L5E": 0.04})
        print()
        print_comparison(rows)
        return 0 if all(row[-1] for row in rows) else 1
    return 0


if __name__ == "__main__":
    run(main)
