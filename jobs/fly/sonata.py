"""Write and read the SONATA files that the fly models need: edges, nodes, spikes."""
import h5py
import numpy as np


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


def read_spikes(path, population):
    """(time[n] [ms], node[n]); empty where the population is not in the file."""
    with h5py.File(path, "r") as file:
        name = f"spikes/{population}"
        if name not in file:
            return np.zeros(0), np.zeros(0, np.int64)
        return file[name + "/timestamps"][:], file[name + "/node_ids"][:].astype(np.int64)


def edges_summary(path, edges=None):
    """(edge population, node population, nodes at least, edges) of a SONATA edges file whose
    sources and targets are one population."""
    with h5py.File(path, "r") as file:
        names = list(file["edges"])
        if edges is None and len(names) == 1:
            edges = names[0]
        if edges not in names:
            raise SystemExit(f"{path}: choose an edge population of: " + ", ".join(names))
        group = file["edges"][edges]
        populations, largest = set(), -1
        for end in ("source_node_id", "target_node_id"):
            name = group[end].attrs["node_population"]
            populations.add(name.decode() if isinstance(name, bytes) else str(name))
            if len(group[end]):
                largest = max(largest, int(group[end][:].max()))
        if len(populations) != 1:
            raise SystemExit(f"{path}: {edges} joins two populations: " + ", ".join(populations))
        return edges, populations.pop(), largest + 1, len(group["source_node_id"])


def node_attribute(path, population, name):
    with h5py.File(path, "r") as file:
        return file[f"nodes/{population}/0/{name}"][:]


def node_count(path, population):
    with h5py.File(path, "r") as file:
        group = file[f"nodes/{population}"]
        return len(group["node_id"] if "node_id" in group else group["node_type_id"])
