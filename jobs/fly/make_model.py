#!/usr/bin/python3
"""Write the model file of an experiment on a fly connectome (neurons of Shiu et al. 2024).

    make_model.py --edges fly_fly_edges.h5 --nodes fly_nodes.h5 --node-sets node_sets.json \\
                  --drive sugar_grn > model.yaml

--drive names neurons by node set, node id, or FlyWire root id (looked up in --nodes), separated by
commas. They have no refractory time and receive Poisson events of --rate, each of which lifts the
potential by --jump and makes them fire; or, with --spikes, the events of a SONATA spikes file.
"""
import argparse
import functools
import json
import math
import os
import sys

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sonata

NEURON = {"tau_m": 20.0, "tau_syn": 5.0, "V_rest": -52.0, "V_reset": -52.0, "V_th": -45.0,
          "t_ref": 2.2}
DT, DELAY = 0.1, 1.8  # [ms]
DRIVE_RATE = 200.0  # [Hz]
# Limits of shinkei; the time in ms, the rate in Hz.
TIME_MOST, RATE_MOST, WEIGHT_MOST, SEED_MOST, NEURONS_MOST = 1e10, 1e7, 1e12, 2**53 - 1, 2**32 - 1


def number(least, most, kind=float, more_than_least=False):
    """A type for argparse: a number from `least` to `most`."""
    def read(text):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most or (more_than_least and value == least):
            raise argparse.ArgumentTypeError(
                f"'{text}' is out of range: must be {'an integer' if kind is int else 'a number'} "
                f"{'above' if more_than_least else 'from'} {least:.16g} to {most:.16g}")
        return value
    return read


def duration(text):
    value = number(0, TIME_MOST, more_than_least=True)(text)
    steps = value / DT
    if round(steps) < 1 or abs(steps - round(steps)) > 1e-6 + 4e-16 * steps:  # as shinkei has it
        raise argparse.ArgumentTypeError(f"'{text}' is no multiple of the time step, {DT} ms")
    return value


def read_node_sets(path):
    """{name: node id, root id or list of them}, which find_nodes() checks; empty without a file."""
    if path is None:
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            node_sets = json.load(file)
    except OSError as problem:
        raise SystemExit(f"{path}: cannot be read: {problem.strerror}") from None
    except (ValueError, RecursionError) as problem:
        raise SystemExit(f"{path}: no JSON in it: {problem}") from None
    if not isinstance(node_sets, dict):
        raise SystemExit(f"{path}: must be a mapping of names to node ids or root ids, not a "
                         f"{type(node_sets).__name__}")
    return node_sets


@functools.lru_cache(maxsize=None)
def root_ids(nodes_file, population):
    return sonata.node_attribute(nodes_file, population, "flywire_root_id").tolist()


def node_of_root(root, nodes_file, population):
    roots = root_ids(nodes_file, population)
    if roots.count(root) != 1:
        raise ValueError(f"{nodes_file}: {roots.count(root) or 'no'} neurons have the root id {root}")
    return roots.index(root)


def members_of(name, members, nodes_file, population, neurons):
    """Node ids of a node set, which holds node ids or root ids."""
    members = members if isinstance(members, list) else [members]
    if not members:
        raise ValueError(f"node set '{name}' is empty")
    for node in members:  # JSON's true is an int to Python
        if type(node) is not int or not (0 <= node < neurons or node >= sonata.ROOT_ID_LEAST):
            raise ValueError(f"node set '{name}' holds {json.dumps(node)[:60]}: must hold node ids "
                             f"from 0 to {neurons - 1}, or root ids")
    roots = [root for root in members if root >= sonata.ROOT_ID_LEAST]
    if roots and nodes_file is None:
        raise ValueError(f"node set '{name}' holds the root id {roots[0]}: root ids need --nodes")
    absent = [root for root in roots if root not in root_ids(nodes_file, population)]
    if absent:
        raise ValueError(f"node set '{name}': {nodes_file} has no neuron of {len(absent)} of its {len(members)} "
                         "root ids (is it another release of the connectome?): "
                         + ", ".join(map(str, absent[:5])) + (", ..." if len(absent) > 5 else ""))
    return [node_of_root(node, nodes_file, population) if node in roots else node for node in members]


def nodes_of(name, node_sets, nodes_file, population, neurons):
    """Node ids of one name."""
    if name in node_sets:
        return members_of(name, node_sets[name], nodes_file, population, neurons)
    is_number = name.isascii() and name.isdigit()
    if is_number and int(name) < neurons:
        return [int(name)]
    if is_number and nodes_file is not None:
        return [node_of_root(int(name), nodes_file, population)]
    raise ValueError(f"'{name}' is neither a node set ({', '.join(node_sets) or 'none given'}) nor a "
                     f"node id below {neurons}; root ids need --nodes")


def find_nodes(text, node_sets, nodes_file, population, neurons, option="--drive"):
    """Ascending node ids of a list of node sets, node ids and root ids; text None: nobody."""
    names = [name for name in (part.strip() for part in (text or "").split(",")) if name]
    try:
        if text is not None and not names:
            raise ValueError(f"'{text}' names nobody: must be node sets, node ids or root ids, "
                             "separated by commas")
        return sorted({node for name in names
                       for node in nodes_of(name, node_sets, nodes_file, population, neurons)})
    except ValueError as problem:
        raise SystemExit(f"{option}: {problem}") from None


def count_neurons(options, population, least):
    """`least`: how many the edges need."""
    neurons, reason = least, "--edges"
    if options.nodes is not None:
        neurons, reason = sonata.node_count(options.nodes, population), f"--nodes {options.nodes}"
    if options.neurons is not None:
        if options.nodes is not None and options.neurons != neurons:
            raise SystemExit(f"--neurons {options.neurons}: {options.nodes} has {neurons}")
        neurons, reason = options.neurons, f"--neurons {options.neurons}"
    if not least <= neurons <= NEURONS_MOST or neurons < 1:
        raise SystemExit(f"{reason}: {neurons} neurons: must be from {max(least, 1)}, which "
                         f"{options.edges} needs, to {NEURONS_MOST}")
    return neurons


def check_events(path, population, neurons):
    _, node = sonata.read_spikes(path, population, required=True)
    if len(node) and not 0 <= node.min() <= node.max() < neurons:
        raise SystemExit(f"{path}: node ids from {node.min()} to {node.max()}: must be from 0 to "
                         f"{neurons - 1}")


def drive(options, population, driven):
    """The input on the driven neurons."""
    if options.spikes is not None:
        return {"type": "spike_trains", "target": population,
                "file": os.path.abspath(options.spikes), "spikes": population,
                "weight": options.jump, "receptor": "v"}
    return {"type": "poisson", "target": population, "nodes": driven,
            "rate": DRIVE_RATE if options.rate is None else options.rate,
            "weight": options.jump, "receptor": "v"}


def build(options):
    edges, population, least, _ = sonata.edges_summary(options.edges, options.edge_population)
    neurons = count_neurons(options, population, least)
    driven = find_nodes(options.drive, read_node_sets(options.node_sets), options.nodes, population,
                        neurons)
    if options.spikes is not None:
        if options.rate is not None:
            raise SystemExit(f"--rate {options.rate:g}: is of Poisson events, but --spikes "
                             f"{options.spikes} gives the events")
        check_events(options.spikes, population, neurons)
    entry = {"size": neurons, "neuron": "shiu", "expected_rate": options.expected_rate}
    if driven:
        entry["overrides"] = [{"nodes": list(driven), "parameters": {"t_ref": 0.0}}]
    return {
        "simulation": {"dt": DT, "duration": options.duration, "seed": options.seed,
                       "precision": options.precision},
        "neurons": {"shiu": {"model": "shiu_lif", "parameters": dict(NEURON)}},
        "populations": {population: entry},
        "projections": [{
            "source": population, "target": population, "rule": "file",
            "file": os.path.abspath(options.edges), "edges": edges,
            "weight": {"attribute": "syn_weight", "scale": options.scale},
            "delay": DELAY, "receptor": "g"}],
        "inputs": [drive(options, population, driven)] if driven or options.spikes is not None else [],
        "record": {"spikes": "all"},
    }


def parser():
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--edges", required=True, help="SONATA edges file: the connectome")
    made.add_argument("--edge-population", help="which, where the file has several")
    made.add_argument("--nodes", help="SONATA nodes file: number of neurons, root ids")
    made.add_argument("--neurons", type=number(1, NEURONS_MOST, int),
                      help="number of neurons (default: from --nodes, else the largest node id + 1)")
    made.add_argument("--node-sets", help="JSON file {name: node id, root id or list of them}")
    made.add_argument("--drive", help="driven neurons (default: none)")
    made.add_argument("--rate", type=number(0, RATE_MOST), metavar="HZ",
                      help=f"of the Poisson events (default {DRIVE_RATE:g})")
    made.add_argument("--jump", type=number(-WEIGHT_MOST, WEIGHT_MOST), default=68.75,
                      metavar="MV", help="of the potential at each event (default 68.75)")
    made.add_argument("--spikes", help="SONATA spikes file with the events instead")
    made.add_argument("--scale", type=number(-WEIGHT_MOST, WEIGHT_MOST), default=0.275,
                      metavar="MV", help="weight of one synapse (default 0.275)")
    made.add_argument("--expected-rate", type=number(0, 1e5, more_than_least=True),
                      default=5.0, metavar="HZ", help="weighs the partition (default 5)")
    made.add_argument("--duration", type=duration, default=1000.0, metavar="MS",
                      help="a multiple of 0.1 (default 1000)")
    made.add_argument("--seed", type=number(0, SEED_MOST, int), default=1)
    made.add_argument("--precision", choices=("single", "double"), default="single")
    return made


def main():
    text = yaml.safe_dump(build(parser().parse_args()), sort_keys=False, default_flow_style=None, width=100)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as problem:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1 if isinstance(problem, BrokenPipeError) else  # as behind `| head`
                 f"make_model.py: the model cannot be written: {problem.strerror}")


if __name__ == "__main__":
    main()
