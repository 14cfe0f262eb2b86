#!/usr/bin/python3
"""Every spike is that of a second, dense simulator (oracle.py): random networks of three neuron
models with excitation and inhibition, many delays, autapses, multapses, edges from files and from
rules, spike trains and constant currents; double precision; alone and on three ranks. With fly neurons,
which answer input in its own step, and without, where updates take what arrived in the step before."""
import os
import sys

import numpy as np

from oracle import MODELS, Network
from program import SOURCE, Verdict, Workspace, first_difference, run, spikes

sys.path.insert(0, os.path.join(SOURCE, "jobs", "fly"))
import sonata

DT, STEPS = 0.1, 1500
IAF = {"C_m": 250.0, "tau_m": 10.0, "tau_syn_ex": 0.5, "tau_syn_in": 0.8, "E_L": -65.0,
       "V_reset": -66.0, "V_th": -50.0, "t_ref": 2.0, "I_e": 360.0}
FAST = dict(IAF, tau_m=7.0, tau_syn_ex=1.3, tau_syn_in=0.4, t_ref=1.0, I_e=620.0)
SHARED = {"C_m": 250.0, "tau_m": 12.0, "tau_syn": 0.7, "E_L": -64.0, "V_reset": -65.0,
          "V_th": -51.0, "t_ref": 1.5, "I_e": 320.0}
FLY = {"tau_m": 20.0, "tau_syn": 5.0, "V_rest": -52.0, "V_reset": -52.0, "V_th": -45.0,
       "t_ref": 2.2}
POPULATIONS = {  # size, model, parameters, initial values
    "E": (60, "iaf_psc_exp", IAF, {"V_m": -60.0}),
    "I": (20, "iaf_psc_exp", FAST, {"V_m": -57.0}),
    "S": (30, "iaf_psc_exp_shared", SHARED, {"V_m": -58.0}),
    "F": (25, "shiu_lif", FLY, {}),
}
SPARE = {"nodes": [3, 4, 11], "parameters": {"t_ref": 0.0}}  # of F
CURRENT = 37.5  # [pA] on the nodes 0 to 9 of E


class Experiment:
    """The same network twice: as a model file and in the oracle."""

    def __init__(self, seed, work, names):
        self.random, self.work = np.random.default_rng(seed), work
        self.populations = {name: POPULATIONS[name] for name in names}
        self.oracle, self.first = Network(DT), {}
        self.projections, self.inputs = [], []
        for name, (size, model, parameters, initial) in self.populations.items():
            self.first[name] = len(self.oracle.neurons)
            for node in range(size):
                own = dict(parameters)
                if name == "F" and node in SPARE["nodes"]:
                    own.update(SPARE["parameters"])
                if name == "E" and node < 10:
                    own["I_e"] += CURRENT
                self.oracle.add(model, own, initial)
        self.inputs.append({"type": "dc", "target": "E", "nodes": list(range(10)),
                            "amplitude": CURRENT})

    def receptor(self, target, weight, name=None):
        names = MODELS[POPULATIONS[target][1]].receptors
        if name is not None:
            return names.index(name)
        return 1 if weight < 0 and "inhibitory" in names else 0

    def connect(self, source, target, pairs, weights, delays, receptor=None):
        for (i, j), weight, delay in zip(pairs, weights, delays):
            self.oracle.connect(self.first[source] + i, self.first[target] + j, weight, int(delay),
                                self.receptor(target, weight, receptor))

    def from_file(self, source, target, count, low, high, scale, receptor=None, multapses=0):
        """Random edges, the first `multapses` of them again with other weights and delays."""
        pre = self.random.integers(0, POPULATIONS[source][0], count)
        post = self.random.integers(0, POPULATIONS[target][0], count)
        pre = np.concatenate((pre, pre[:multapses], pre[:multapses]))
        post = np.concatenate((post, post[:multapses], post[:multapses]))
        weight = self.random.integers(low, high + 1, len(pre))
        delay = self.random.integers(1, 41, len(pre))
        path = self.work.path(f"edges_{len(self.projections)}.h5")
        sonata.write_edges(path, "wiring", source, target, pre, post,
                           {"strength": weight.astype(np.int32), "delay": delay * DT})
        self.connect(source, target, zip(pre, post), weight * scale, delay, receptor)
        self.projections.append({
            "source": source, "target": target, "rule": "file", "file": path, "edges": "wiring",
            "weight": {"attribute": "strength", "scale": scale}, "delay": {"attribute": "delay"},
            **({"receptor": receptor} if receptor else {})})

    def from_rule(self, source, target, rule, weight, delay, autapses=True):
        sizes = POPULATIONS[source][0], POPULATIONS[target][0]
        pairs = [(i, j) for i in range(sizes[0]) for j in range(sizes[1])
                 if (rule == "all_to_all" or i == j)
                 and (autapses or source != target or i != j)]
        self.connect(source, target, pairs, [weight] * len(pairs), [delay] * len(pairs))
        self.projections.append({"source": source, "target": target, "rule": rule,
                                 "weight": weight, "delay": round(delay * DT, 6),
                                 "autapses": autapses})

    def trains_from_file(self, target, events, weight, receptor=None):
        node = self.random.integers(0, POPULATIONS[target][0], events)
        step = self.random.integers(0, STEPS, events)
        path = self.work.path(f"trains_{len(self.inputs)}.h5")
        sonata.write_spikes(path, "noise", np.round(step * DT, 6), node)
        for i, k in zip(node, step):
            self.oracle.stimulate(self.first[target] + i, k, weight,
                                  self.receptor(target, weight, receptor))
        self.inputs.append({"type": "spike_trains", "target": target, "file": path,
                            "spikes": "noise", "weight": weight,
                            **({"receptor": receptor} if receptor else {})})

    def trains_inline(self, target, nodes, step, weight):
        for node in nodes:
            for k in step:
                self.oracle.stimulate(self.first[target] + node, k, weight,
                                      self.receptor(target, weight))
        self.inputs.append({"type": "spike_trains", "target": target, "nodes": list(nodes),
                            "times": [round(k * DT, 6) for k in step], "weight": weight})

    def model(self):
        populations = {
            name: {"size": size, "neuron": model, "parameters": parameters, "initial": initial}
            for name, (size, model, parameters, initial) in self.populations.items()}
        if "F" in populations:
            populations["F"]["overrides"] = [SPARE]
        return {"simulation": {"dt": DT, "duration": STEPS * DT, "precision": "double"},
                "populations": populations, "projections": self.projections,
                "inputs": self.inputs}

    def expected(self):
        """{population: (step[n], node[n])}"""
        step, neuron = self.oracle.run(STEPS)
        found = {}
        for name, (size, *_) in self.populations.items():
            mine = (neuron >= self.first[name]) & (neuron < self.first[name] + size)
            found[name] = step[mine], neuron[mine] - self.first[name]
        return found


def experiment(seed, work, names):
    made = Experiment(seed, work, names)
    made.from_file("E", "E", 700, -60, 100, 3.7, multapses=40)
    made.from_file("E", "I", 300, 10, 90, 4.3)
    made.from_rule("I", "E", "all_to_all", -41.0, 8)
    made.from_rule("I", "I", "all_to_all", -21.0, 1, autapses=False)
    made.from_rule("I", "I", "one_to_one", -70.0, 15)
    made.from_file("E", "S", 400, -90, 110, 3.9, multapses=5)
    made.from_file("S", "E", 150, -70, 90, 3.1)
    made.from_rule("I", "S", "all_to_all", -33.0, 4)
    made.trains_from_file("E", 1500, 420.0)
    made.trains_from_file("I", 300, -200.0)
    made.trains_from_file("S", 500, 380.0, receptor="synaptic")
    made.trains_inline("I", [1, 5, 6], [0, 1, 700, 701, 1499, 1500], 900.0)
    if "F" in names:
        made.from_file("E", "F", 250, -3, 9, 0.275, receptor="g")
        made.from_file("F", "F", 120, -14, 14, 0.275, receptor="v", multapses=10)
        made.from_file("F", "E", 120, -80, 120, 2.9)
        made.from_rule("F", "F", "one_to_one", 0.5, 3)
        made.trains_from_file("F", 120, 68.75, receptor="v")
    return made


def main():
    verdict = Verdict()
    for seed, names in ((1, "EISF"), (2, "EISF"), (3, "EIS"), (4, "EIS")):
        with Workspace() as work:
            made = experiment(seed, work, names)
            expected = made.expected()
            path = work.write_model("model.yaml", made.model())
            for ranks, threads in ((1, 1), (3, 2)):
                out = work.path(f"out_{ranks}")
                run(path, out, ranks=ranks, threads=threads)
                for name, wanted in expected.items():
                    what = first_difference(spikes(out, name), wanted)
                    verdict.check(what is None and len(wanted[0]) > 100,
                                  f"network {seed}, {ranks} ranks x {threads} threads, {name}: "
                                  + (what or f"{len(wanted[0])} spikes, all the same"))
    verdict.finish()


if __name__ == "__main__":
    main()
