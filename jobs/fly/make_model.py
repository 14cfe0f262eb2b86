#!/usr/bin/python3
"""Write the model file of an experiment on a fly connectome (neurons of Shiu et al. 2024).

    make_model.py --edges fly_fly_edges.h5 --nodes fly_nodes.h5 --node-sets node_sets.json \\
                  --drive sugar_grn > model.yaml

--drive names neurons by node set, node id, or FlyWire root id (looked up in --nodes), separated by
commas. They have no refractory time and receive Poisson events of --rate, each of which lifts the
potential by --jump and makes them fire; or, with --spikes, the events of a SONATA spikes file.
"""
import argparse
import json
import os
import sys

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sonata

NEURON = {"tau_m": 20.0, "tau_syn": 5.0, "V_rest": -52.0, "V_reset": -52.0, "V_th": -45.0,
          "t_ref": 2.2}
DELAY = 1.8  # [ms]


def read_node_sets(path):
    """{name: node id or list of them}; empty without a file."""
    if not path:
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def find_nodes(text, node_sets, nodes_file, population, neurons):
    """Ascending node ids of a list of node sets, node ids and root ids."""
    found, roots = set(), None
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name in node_sets:
            members = node_sets[name]
            found.update(members if isinstance(members, list) else [members])
        elif name.isdigit() and int(name) < neurons:
            found.add(int(name))
        elif name.isdigit() and nodes_file:
            if roots is None:
                roots = {int(root): node for node, root in enumerate(
                    sonata.node_attribute(nodes_file, population, "flywire_root_id"))}
            if int(name) not in roots:
                raise SystemExit(f"{nodes_file}: no neuron has the root id {name}")
            found.add(roots[int(name)])
        else:
            raise SystemExit(f"'{name}' is neither a node set ({', '.join(node_sets) or 'none given'})"
                             f" nor a node id below {neurons}; root ids need --nodes")
    return sorted(found)


def drive(options, population, driven):
    """The input on the driven neurons."""
    if options.spikes:
        return {"type": "spike_trains", "target": population,
                "file": os.path.abspath(options.spikes), "spikes": population,
                "weight": options.jump, "receptor": "v"}
    return {"type": "poisson", "target": population, "nodes": driven, "rate": options.rate,
            "weight": options.jump, "receptor": "v"}


def build(options):
    edges, population, least, _ = sonata.edges_summary(options.edges, options.edge_population)
    neurons = options.neurons or (
        sonata.node_count(options.nodes, population) if options.nodes else least)
    driven = find_nodes(options.drive, read_node_sets(options.node_sets), options.nodes, population,
                        neurons)
    entry = {"size": neurons, "neuron": "shiu", "expected_rate": options.expected_rate}
    if driven:
        entry["overrides"] = [{"nodes": list(driven), "parameters": {"t_ref": 0.0}}]
    return {
        "simulation": {"dt": 0.1, "duration": options.duration, "seed": options.seed,
                       "precision": options.precision},
        "neurons": {"shiu": {"model": "shiu_lif", "parameters": dict(NEURON)}},
        "populations": {population: entry},
        "projections": [{
            "source": population, "target": population, "rule": "file",
            "file": os.path.abspath(options.edges), "edges": edges,
            "weight": {"attribute": "syn_weight", "scale": options.scale},
            "delay": DELAY, "receptor": "g"}],
        "inputs": [drive(options, population, driven)] if driven or options.spikes else [],
        "record": {"spikes": "all"},
    }


def parser():
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--edges", required=True, help="SONATA edges file: the connectome")
    made.add_argument("--edge-population", help="which, where the file has several")
    made.add_argument("--nodes", help="SONATA nodes file: number of neurons, root ids")
    made.add_argument("--neurons", type=int, help="number of neurons (default: from --nodes, else "
                      "the largest node id + 1)")
    made.add_argument("--node-sets", help="JSON file {name: node id or list of them}")
    made.add_argument("--drive", default="", help="driven neurons")
    made.add_argument("--rate", type=float, default=200.0, metavar="HZ", help="default 200")
    made.add_argument("--jump", type=float, default=68.75, metavar="MV",
                      help="of the potential at each event (default 68.75)")
    made.add_argument("--spikes", help="SONATA spikes file with the events instead")
    made.add_argument("--scale", type=float, default=0.275, metavar="MV",
                      help="weight of one synapse (default 0.275)")
    made.add_argument("--expected-rate", type=float, default=5.0, metavar="HZ",
                      help="weighs the partition (default 5)")
    made.add_argument("--duration", type=float, default=1000.0, metavar="MS")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--precision", choices=("single", "double"), default="single")
    return made


def main():
    yaml.safe_dump(build(parser().parse_args()), sys.stdout, sort_keys=False,
                   default_flow_style=None, width=100)


if __name__ == "__main__":
    main()
