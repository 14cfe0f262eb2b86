"""Write and read the SONATA files that the fly models need: edges, nodes, spikes. A file that is not
what it should be ends the program with one line."""
import contextlib
import os
import re

import h5py
import numpy as np

ROOT_ID_LEAST = 10**15  # of FlyWire; smaller numbers are node ids
NAME_WORDS = "1 to 64 letters, digits, '_', '-', '+'"


def is_name(text):
    """May a population be called so? shinkei has the same rule."""
    return re.fullmatch("[A-Za-z0-9_+-]{1,64}", text) is not None


@contextlib.contextmanager
def open_file(path, kind):
    """An HDF5 file to read; what is missing or wrong in it is said with its path."""
    if not os.path.isfile(path):
        raise SystemExit(f"{path}: not a SONATA {kind} file: " +
                         ("it is no file" if os.path.exists(path) else "no such file"))
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, RuntimeError, ValueError) as problem:
        words = " ".join(str(problem).split())  # HDF5's are several lines now and then
        raise SystemExit(f"{path}: not a SONATA {kind} file: {words}") from None


def find_group(parent, name):
    group = parent.get(name)
    if not isinstance(group, h5py.Group):
        raise ValueError(f"there is no group '{name}' in {parent.name}")
    return group


def read_array(group, name, kinds="iu", words="integers"):
    """A data set of one dimension, of numbers of these kinds."""
    data = group.get(name)
    if not isinstance(data, h5py.Dataset) or data.ndim != 1 or data.dtype.kind not in kinds:
        raise ValueError(f"{group.name} has no one-dimensional array '{name}' of {words}")
    return data[:]


def _stamp(file):
    file.attrs["magic"] = np.uint32(0x0A7A)
    file.attrs["version"] = np.array([0, 1], np.uint32)


def write_edges(path, edges, source_population, target_population, source, target, attributes):
    """One edge population; `attributes` {name: array}. Sorted by (target, source); the index
    target_to_source has one range of edges for each target. Returns the order that was applied."""
    order = np.lexsort((source, target))
    source, target = np.asarray(source)[order], np.asarray(target)[order]
    count = len(source)
    with h5py.File(path, "w") as file:
        _stamp(file)
        group = file.create_group(f"edges/{edges}")
        for name, nodes, population in (("source_node_id", source, source_population),
                                        ("target_node_id", target, target_population)):
            data = group.create_dataset(name, data=nodes.astype(np.uint64))
            data.attrs["node_population"] = population
        group["edge_type_id"] = np.zeros(count, np.uint64)
        group["edge_group_id"] = np.zeros(count, np.uint32)
        group["edge_group_index"] = np.arange(count, dtype=np.uint64)
        for name, values in attributes.items():
            group[f"0/{name}"] = np.asarray(values)[order]
        targets = int(target[-1]) + 1 if count else 0
        first = np.searchsorted(target, np.arange(targets + 1))
        index = group.create_group("indices/target_to_source")
        index["node_id_to_ranges"] = np.stack(
            [np.arange(targets), np.arange(1, targets + 1)], 1).astype(np.uint64)
        index["range_to_edge_id"] = np.stack([first[:-1], first[1:]], 1).astype(np.uint64)
    return order


def write_nodes(path, population, count, attributes):
    with h5py.File(path, "w") as file:
        _stamp(file)
        group = file.create_group(f"nodes/{population}")
        group["node_id"] = np.arange(count, dtype=np.uint64)
        group["node_type_id"] = np.zeros(count, np.uint64)
        group["node_group_id"] = np.zeros(count, np.uint32)
        group["node_group_index"] = np.arange(count, dtype=np.uint64)
        for name, values in attributes.items():
            group[f"0/{name}"] = values


def write_spikes(path, population, time, node):
    """Spikes [ms], sorted by (time, node) here."""
    order = np.lexsort((node, time))
    with h5py.File(path, "w") as file:
        _stamp(file)
        group = file.create_group(f"spikes/{population}")
        sorting = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, "u1")
        group.attrs.create("sorting", 2, dtype=sorting)
        data = group.create_dataset("timestamps", data=np.asarray(time, float)[order])
        data.attrs["units"] = "ms"
        group["node_ids"] = np.asarray(node, np.uint64)[order]


def read_spikes(path, population, required=False):
    """(time[n], as the file has it, node[n]); where the population is not in the file they are empty,
    or refused if it is required. In the older layout the file has no names of populations."""
    with open_file(path, "spikes") as file:
        group = find_group(file, "spikes")
        if "timestamps" not in group:
            if population not in group and not required:
                return np.zeros(0), np.zeros(0, np.int64)
            group = find_group(group, population)
        time = read_array(group, "timestamps", "iuf", "numbers")
        node = read_array(group, "node_ids" if "node_ids" in group else "gids")
        if len(time) != len(node):
            raise ValueError(f"{group.name} has {len(time)} timestamps and {len(node)} node ids")
        return time, node.astype(np.int64)


def _edge_ends(group):
    """(names of the node populations, largest node id or -1, number of edges)."""
    populations, largest, counts = set(), -1, set()
    for end in ("source_node_id", "target_node_id"):
        nodes = read_array(group, end)
        name = group[end].attrs.get("node_population")
        if not isinstance(name, (bytes, str)):
            raise ValueError(f"{group.name}/{end} has no attribute node_population, a name")
        if nodes.min(initial=0) < 0:
            raise ValueError(f"{group.name}/{end} has a negative node id")
        populations.add(name.decode(errors="replace") if isinstance(name, bytes) else name)
        largest = max(largest, int(nodes.max(initial=0))) if len(nodes) else largest
        counts.add(len(nodes))
    if len(counts) != 1:
        raise ValueError(f"{group.name} has more sources than targets, or fewer")
    return sorted(populations), largest, counts.pop()


def edges_summary(path, edges=None):
    """(edge population, node population, nodes at least, edges) of a SONATA edges file whose
    sources and targets are one population."""
    with open_file(path, "edges") as file:
        root = find_group(file, "edges")
        names = list(root)
        if edges is None and len(names) == 1:
            edges = names[0]
        if edges not in names:
            raise SystemExit(f"{path}: choose an edge population of: " + ", ".join(names))
        populations, largest, count = _edge_ends(find_group(root, edges))
        if len(populations) != 1:
            raise SystemExit(f"{path}: {edges} joins two populations: " + ", ".join(populations))
        if not is_name(populations[0]):
            raise SystemExit(f"{path}: the node population '{populations[0]}' of {edges} is no name: must "
                             f"be {NAME_WORDS}")
        return edges, populations[0], largest + 1, count


def _count_nodes(group):
    return len(read_array(group, "node_id" if "node_id" in group else "node_type_id"))


def node_attribute(path, population, name):
    """An attribute of all nodes, of integers."""
    with open_file(path, "nodes") as file:
        group = find_group(file, f"nodes/{population}")
        values, nodes = read_array(find_group(group, "0"), name), _count_nodes(group)
        if len(values) != nodes:
            raise ValueError(f"{group.name} has {nodes} nodes, but {len(values)} of '{name}'")
        return values


def node_count(path, population):
    with open_file(path, "nodes") as file:
        return _count_nodes(find_group(file, f"nodes/{population}"))
