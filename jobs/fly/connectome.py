#!/usr/bin/python3
"""Turn a connectivity table into a connectome file: SONATA edges that shinkei reads.

    connectome.py Connectivity_783.csv --out fly_edges.h5 --nodes fly_nodes.h5
    connectome.py connections.csv.gz --out fly_edges.h5 --nodes fly_nodes.h5
    connectome.py my_table.csv --pre from --post to --count strength --out edges.h5

The table is CSV (.csv, .csv.gz; separated by commas, tabs or semicolons) or, where pyarrow or
fastparquet is installed, Parquet. Columns are recognised by name; --pre, --post, --count and
--transmitter name others:
  Presynaptic_Index, Postsynaptic_Index, "Excitatory x Connectivity"   model index, signed count
      (Presynaptic_ID and Postsynaptic_ID give the root ids for --nodes)
  pre_root_id, post_root_id, syn_count, nt_type                        FlyWire Codex
  source, target, weight                                               signed weight
Where counts have no sign the transmitter gives it: GABA and GLUT (glutamate) inhibit, ACH, DA, SER and
OCT excite, as in Shiu et al. 2024. Any other is refused unless --unknown says what it is.
Rows of the same pair (a pair in several neuropils) are summed, and it is said how many. Where the
table has root ids alone, neurons are numbered by ascending root id; --ids FILE (text, one a line, or
.npy) gives the list of all neurons, so that those without connections are numbered as well.
"""
import argparse
import csv
import gzip
import importlib.util
import os
import re
import sys
import warnings
import zlib

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sonata
import transmitters

LAYOUTS = [("Presynaptic_Index", "Postsynaptic_Index", "Excitatory x Connectivity"),
           ("pre_root_id", "post_root_id", "syn_count"),
           ("source", "target", "weight")]
ROOT_IDS = ("Presynaptic_ID", "Postsynaptic_ID")
SIGNED = (LAYOUTS[0][2], LAYOUTS[2][2])  # their counts have signs
TRANSMITTER = "nt_type"
SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons"}
INDEX_MOST = 2**32 - 2
EXACT_MOST = 2**53 - 1  # whole numbers up to here are exact as a double
# Of a missing or damaged file, or of its contents.
UNREADABLE = (OSError, EOFError, zlib.error, ValueError, csv.Error)


def fail(message):
    raise SystemExit(f"connectome.py: {message}")


def whole_numbers(path, values):
    """The values as int64, if they are whole and exact."""
    if values.dtype.kind not in "iuf":
        fail(f"{path}: integers are needed, not {values.dtype}")
    if values.dtype.kind == "f" and not ((abs(values) <= 2**53) & (values == np.rint(values))).all():
        fail(f"{path}: integers are needed; as {values.dtype} some are not whole, or rounded")
    return values.astype(np.int64)


class CsvTable:
    def __init__(self, path):
        self.path = path
        with self.open() as file:
            line = file.readline()
        headers = {sign: next(csv.reader([line], delimiter=sign, skipinitialspace=True), [])
                   for sign in SEPARATORS}
        self.separator = max(headers, key=lambda sign: len(headers[sign]))
        self.names = [name.strip() for name in headers[self.separator]]

    def open(self):
        if self.path.endswith(".gz"):
            return gzip.open(self.path, "rt", newline="", encoding="utf-8-sig")
        return open(self.path, newline="", encoding="utf-8-sig")

    def in_words(self, problem):
        """NumPy numbers rows from 0 in this message, columns from 1."""
        found = re.fullmatch(r"could not convert string (.*) to \w+ at row (\d+), column (\d+)\.", str(problem))
        if not found:
            return problem
        value, row, column = found.groups()
        return f"row {int(row) + 1}: {self.names[int(column) - 1]} {value} is no number"

    def columns(self, wanted):
        """{name: array}; wanted {name: dtype}."""
        kinds = [(f"column{i}", kind) for i, kind in enumerate(wanted.values())]
        places = [self.names.index(name) for name in wanted]
        try:
            with self.open() as file, warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # a table without rows
                warnings.simplefilter("error", DeprecationWarning)  # a neuron 1.5, or 7.2e17
                rows = np.loadtxt(file, delimiter=self.separator, skiprows=1, usecols=places, dtype=kinds,
                                  quotechar='"', comments=None, ndmin=1)
        except UNREADABLE as problem:
            fail(f"{self.path}: {self.in_words(problem)}")
        return {name: rows[f"column{i}"] for i, name in enumerate(wanted)}


class ParquetTable:
    def __init__(self, path):
        self.path = path
        if importlib.util.find_spec("pyarrow"):
            import pyarrow.parquet
            self.file = pyarrow.parquet.ParquetFile(path)
            self.names = self.file.schema.names
            self.read = lambda names: {
                name: column.to_numpy() for name, column in
                zip(names, self.file.read(columns=names).select(names).columns)}
        elif importlib.util.find_spec("fastparquet"):
            import fastparquet
            self.file = fastparquet.ParquetFile(path)
            self.names = self.file.columns
            self.read = lambda names: {
                name: column.to_numpy() for name, column in self.file.to_pandas(names).items()}
        else:
            fail(f"{path}: reading Parquet needs pyarrow or fastparquet, neither is installed; "
                 "save the table as CSV instead")

    def columns(self, wanted):
        read = self.read(list(wanted))
        return {name: whole_numbers(f"{self.path}: {name}", read[name]) if kind is np.int64
                else read[name].astype(kind) for name, kind in wanted.items()}


def open_table(path):
    if not os.path.exists(path):
        fail(f"{path}: no such file")
    try:
        return ParquetTable(path) if path.endswith((".parquet", ".pq")) else CsvTable(path)
    except UNREADABLE as problem:
        fail(f"{path}: {problem}")


def choose_columns(table, options):
    """Names of the columns (pre, post, count)."""
    if options.pre or options.post or options.count:
        chosen = (options.pre, options.post, options.count)
        if None in chosen:
            fail("--pre, --post and --count go together")
    else:
        chosen = next((names for names in LAYOUTS if set(names) <= set(table.names)), None)
        if chosen is None:
            fail(f"{table.path}: columns not recognised, name them by --pre, --post and --count; "
                 "the table has: " + ", ".join(table.names) + (
                     "" if len(table.names) > 2 else "; columns must be separated by "
                     + " or ".join(SEPARATORS.values())))
    for name in chosen:
        if name not in table.names:
            fail(f"{table.path}: no column '{name}'; the table has: " + ", ".join(table.names))
    if len(set(chosen)) < 3:
        fail(f"--pre {chosen[0]}, --post {chosen[1]}, --count {chosen[2]}: must be three columns")
    return chosen


def check_counts(table, count, weight):
    is_count = count in (LAYOUTS[0][2], LAYOUTS[1][2])
    for wrong, words in ((~np.isfinite(weight), "is not a number"),
                         (is_count & (weight != np.rint(weight)), "is no number of synapses")):
        if wrong.any():
            at = int(np.argmax(wrong))
            fail(f"{table.path}: row {at + 1}: {count} {weight[at]:g} {words}")


def transmitter_column(table, options, count):
    """Name of the column that may give the signs; None: there is none, or the counts have their own."""
    if options.transmitter is not None and options.transmitter not in table.names:
        fail(f"{table.path}: no column '{options.transmitter}'; the table has: " + ", ".join(table.names))
    if options.transmitter is not None or count in SIGNED:
        return options.transmitter
    return TRANSMITTER if TRANSMITTER in table.names else None


def signs_of_transmitters(table, options, count, weight, column, values):
    """Sign of every row, 0 where it is dropped, and what is to be said about them."""
    if (weight < 0).any():
        at = int(np.argmax(weight < 0))
        fail(f"{table.path}: row {at + 1}: {count} {weight[at]:g} is negative, but {column} gives the sign")
    try:
        signs, others = transmitters.read_signs(values, options.unknown)
    except ValueError as problem:
        row, value = problem.args
        fail(f"{table.path}: row {row + 1}: {column} '{value}' is unknown: must be {transmitters.WORDS}; "
             "--unknown excitatory, inhibitory or drop says what to do with such rows")
    return signs, transmitters.describe(options.unknown, others) if options.unknown else None


def signs_without_transmitters(table, options, count, weight):
    """Sign of every row: 1 where the counts have their own, or what --unknown says; and words on it."""
    has_signs = count in SIGNED or (weight < 0).any()
    if has_signs and options.unknown:
        fail(f"--unknown {options.unknown}: is of transmitters, but {count} of {table.path} has signs")
    if not has_signs and options.unknown in (None, "drop"):
        fail(f"{table.path}: {count} has no signs and there is no column {TRANSMITTER}: name the column of "
             "transmitters by --transmitter, or say by --unknown excitatory (or inhibitory) what all are")
    return (np.full(len(weight), transmitters.UNKNOWN[options.unknown or "excitatory"]),
            None if has_signs else f"{len(weight)} rows without a transmitter count as {options.unknown}")


def read_table(table, options):
    """pre[n], post[n] (indices or root ids), signed count[n], is it kept[n], {index: root id} pairs or
    None, words on unknown transmitters or None."""
    pre, post, count = choose_columns(table, options)
    wanted = {pre: np.int64, post: np.int64, count: np.float64}
    transmitter = transmitter_column(table, options, count)
    if transmitter in wanted:
        fail(f"--transmitter {transmitter}: is a column of neurons or counts")
    if transmitter:
        wanted[transmitter] = "U16"
    with_ids = pre == LAYOUTS[0][0] and set(ROOT_IDS) <= set(table.names)
    if with_ids:
        wanted.update({name: np.int64 for name in ROOT_IDS})
    twice = next((name for name in wanted if table.names.count(name) > 1), None)
    if twice is not None:
        fail(f"{table.path}: has {table.names.count(twice)} columns '{twice}': must be one")
    read = table.columns(wanted)
    weight = read[count]
    check_counts(table, count, weight)
    unsigned = options.transmitter or count == LAYOUTS[1][2] or not (weight < 0).any()
    signs, words = (
        signs_of_transmitters(table, options, count, weight, transmitter, read[transmitter])
        if transmitter and unsigned else signs_without_transmitters(table, options, count, weight))
    ids = None
    if with_ids:
        ids = (np.concatenate((read[pre], read[post])),
               np.concatenate([read[name] for name in ROOT_IDS]))
    return read[pre], read[post], weight * signs, signs != 0, ids, words


def read_ids(path):
    try:
        if path.endswith(".npy"):
            ids = np.load(path)
        elif path.endswith(".npy.gz"):
            with gzip.open(path) as file:
                ids = np.load(file)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # an empty list
                warnings.simplefilter("error", DeprecationWarning)  # 7.2e17
                ids = np.loadtxt(path, dtype=np.int64, ndmin=1)
    except UNREADABLE as problem:
        fail(f"{path}: {problem}")
    if ids.ndim != 1 or not len(ids):
        fail(f"{path}: a list of root ids is needed, not an array of {ids.shape}")
    ids = np.sort(whole_numbers(path, ids))
    twice = ids[1:][ids[1:] == ids[:-1]]
    if len(twice):
        fail(f"{path}: root id {twice[0]} is listed twice")
    return ids


def check_pairs(index, root, roots):
    """One root id a neuron, one neuron a root id, and those of the list, if there is one (else 0)."""
    index, root = np.unique(np.stack([index, root]), axis=1)
    listed = np.flatnonzero((roots[index] != 0) & (roots[index] != root))
    if len(listed):
        at = listed[0]
        fail(f"neuron {index[at]} has root id {root[at]} in the table, {roots[index[at]]} in the list of neurons")
    for one, other, words in (index, root, "neuron {} has root ids {} and {} in the table"), (
            root, index, "root id {} is of neurons {} and {} in the table"):
        order = np.lexsort((other, one))
        twice = np.flatnonzero(np.diff(one[order]) == 0)
        if len(twice):
            fail(words.format(one[order][twice[0]], *other[order][twice[0]:twice[0] + 2]))


def number_neurons(pre, post, pairs, known):
    """(pre, post) as node ids from 0, number of neurons, root id of each (0: unknown)."""
    if min(pre.min(initial=0), post.min(initial=0)) < 0:
        fail("a negative neuron number in the table")
    least = min(pre.min(initial=2**62), post.min(initial=2**62))
    most = max(pre.max(initial=-1), post.max(initial=-1))
    if least < sonata.ROOT_ID_LEAST <= most:
        fail(f"the table has root ids ({most}) and indices ({least}) side by side")
    if INDEX_MOST < most < sonata.ROOT_ID_LEAST:
        fail(f"neuron number {most} is neither an index (at most {INDEX_MOST}) nor a root id "
             f"(at least {sonata.ROOT_ID_LEAST})")
    if max(pre.max(initial=0), post.max(initial=0)) >= sonata.ROOT_ID_LEAST:
        roots = known if known is not None else np.unique(np.concatenate((pre, post)))
        new = [np.searchsorted(roots, ids) for ids in (pre, post)]
        for place, ids in zip(new, (pre, post)):
            absent = roots[np.minimum(place, len(roots) - 1)] != ids
            if absent.any():
                fail(f"root id {ids[absent][0]} of the table is not in the list of neurons")
        return new[0], new[1], len(roots), roots
    count = int(max(pre.max(initial=-1), post.max(initial=-1))) + 1
    roots = np.zeros(max(count, len(known) if known is not None else 0), np.int64)
    if known is not None:
        roots[:len(known)] = known
    if pairs is not None:
        check_pairs(*pairs, roots)
        roots[pairs[0]] = pairs[1]
    return pre, post, len(roots), roots


def is_whole(weight):
    return np.array_equal(weight, np.rint(weight))


def merge_pairs(pre, post, weight, neurons):
    """Sum the rows of a pair."""
    if is_whole(weight) and abs(weight).sum() > EXACT_MOST:
        fail(f"the weights add up to {abs(weight).sum():.17g} without their signs: must be at most "
             f"{EXACT_MOST}, for whole numbers above are rounded")
    width = np.uint64(max(neurons, 1))  # unsigned, for the largest index times itself
    key = post.astype(np.uint64) * width + pre.astype(np.uint64)
    unique, place = np.unique(key, return_inverse=True)
    return ((unique % width).astype(np.int64), (unique // width).astype(np.int64),
            np.bincount(place, weight, len(unique)))


def population_option(text):
    """For argparse."""
    if not sonata.is_name(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no name: must be {sonata.NAME_WORDS}")
    return text


def write(options, pre, post, weight, roots):
    """Returns the name of the edge population."""
    small = is_whole(weight) and abs(weight).max(initial=0) < 2**31
    population, edges = options.population, f"{options.population}_{options.population}"
    try:
        sonata.write_edges(options.out, edges, population, population, pre, post,
                           {"syn_weight": weight.astype(np.int32 if small else np.float64)})
        if options.nodes:
            sonata.write_nodes(options.nodes, population, len(roots),
                               {"flywire_root_id": roots.astype(np.uint64)})
    except OSError as problem:
        fail(f"cannot write: {problem}")
    return edges


def check_outputs(options):
    if options.nodes and os.path.realpath(options.nodes) == os.path.realpath(options.out):
        fail(f"--nodes {options.nodes}: is --out too, and would replace it")
    for path in [path for path in (options.out, options.nodes) if path]:
        for read in [read for read in (options.table, options.ids) if read]:
            if os.path.realpath(path) == os.path.realpath(read):
                fail(f"{path}: is read, and would be replaced")
        folder = os.path.dirname(path) or "."
        if os.path.isdir(path):
            fail(f"{path}: cannot be written: is a folder")
        if not os.access(folder, os.W_OK | os.X_OK):
            fail(f"{path}: cannot be written: {folder} is no folder that files can be made in")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="CSV, gzipped CSV or Parquet")
    parser.add_argument("--out", required=True, help="SONATA edges file to write")
    parser.add_argument("--nodes", help="SONATA nodes file to write, with the root ids")
    parser.add_argument("--ids", help="list of all neurons' root ids")
    parser.add_argument("--population", default="fly", type=population_option,
                        help="name of the population (default fly)")
    parser.add_argument("--pre", help="column of the presynaptic neuron")
    parser.add_argument("--post", help="column of the postsynaptic neuron")
    parser.add_argument("--count", help="column of the synapse count, with signs or without")
    parser.add_argument("--transmitter", help=f"column of the transmitter, where counts have no signs "
                        f"(default {TRANSMITTER}, if there is one)")
    parser.add_argument("--unknown", choices=tuple(transmitters.UNKNOWN),
                        help="what a connection of an unknown transmitter is (default: refused)")
    options = parser.parse_args()

    check_outputs(options)
    pre, post, weight, kept, pairs, words = read_table(open_table(options.table), options)
    known = read_ids(options.ids) if options.ids else None
    rows = int(kept.sum())
    pre, post, neurons, roots = number_neurons(pre, post, pairs, known)
    pre, post, weight = merge_pairs(pre[kept], post[kept], weight[kept], neurons)
    edges = write(options, pre, post, weight, roots)
    total = (f"{int(abs(weight).sum())} synapses" if is_whole(weight) else
             f"weights of {abs(weight).sum():g} without their signs (not whole: no synapses)")
    print(f"{rows} rows, {len(pre)} connections after {rows - len(pre)} rows were summed with others "
          f"of the same pair, {total}, {neurons} neurons; "
          f"{int((weight > 0).sum())} excitatory, {int((weight < 0).sum())} inhibitory, "
          f"{int((weight == 0).sum())} of weight 0")
    if words:
        print(words)
    print(f"edge population {edges} in {options.out}")


if __name__ == "__main__":
    try:
        main()
    except MemoryError as problem:
        fail(f"too little memory for so many neurons: {problem}")
