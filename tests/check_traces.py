#!/usr/bin/python3
"""Potentials, currents and spikes of single iaf_psc_exp neurons are those of an established
simulator: within 1e-3 (mV, pA: relative to the largest) in single and 1e-9 in double precision.
Where both time constants are equal iaf_psc_exp_shared gives the same, and the sum of the currents.
"""
import json
import os

import h5py
import numpy as np

from program import Verdict, Workspace, run, shared, spikes, steps

PARAMETERS = ("C_m", "tau_m", "E_L", "V_reset", "V_th", "t_ref", "I_e")
MODELS = {  # parameters of its own, state variables
    "iaf_psc_exp": (("tau_syn_ex", "tau_syn_in"), ("V_m", "I_syn_ex", "I_syn_in")),
    "iaf_psc_exp_shared": (("tau_syn",), ("V_m", "I_syn")),
}
BARS = {"single": 1e-3, "double": 1e-9}


def model_of(case, reference, neuron, precision):
    parameters = dict(case["all_params"])
    parameters["tau_syn"] = parameters["tau_syn_ex"]
    own, variables = MODELS[neuron]
    model = {
        "simulation": {"dt": reference["dt"], "duration": reference["sim_ms"],
                       "precision": precision},
        "populations": {"cell": {
            "size": 1, "neuron": neuron,
            "parameters": {key: parameters[key] for key in PARAMETERS + own},
            "initial": {"V_m": case["set_params"].get("V_m", parameters["E_L"])}}},
        "record": {"traces": [{"population": "cell", "variables": list(variables),
                               "interval": reference["dt"]}]},
    }
    if case["weight"] is not None:
        times = [round(t + reference["delay"], 6) for t in reference["input_spike_times"]]
        model["inputs"] = [{"type": "spike_trains", "target": "cell", "times": times,
                            "weight": case["weight"]}]
    return model


def read_traces(out, variables):
    """{variable: values at every step}."""
    with h5py.File(os.path.join(out, "traces.h5"), "r") as file:
        data = file["report/cell/data"][:]
    return dict(zip(variables, data.T))


def wanted_traces(case):
    """Those of the case, and the sum of its currents."""
    traces = {key: np.array(values) for key, values in case["traces"].items()}
    traces["I_syn"] = traces["I_syn_ex"] + traces["I_syn_in"]
    return traces


def compare(verdict, what, found, wanted, bar):
    for variable, values in found.items():
        want = wanted[variable]
        if len(values) != len(want):
            verdict.check(False, f"{what} {variable}: {len(values)} values, expected {len(want)}")
            continue
        # Currents of hundreds of pA: relative to their size; potentials in mV.
        size = 1.0 if variable == "V_m" else max(1.0, np.abs(want).max())
        worst = np.abs(values - want).max() / size
        verdict.check(worst <= bar, f"{what} {variable}: {worst:.2g} <= {bar:g}")


def neurons_of(case):
    equal = case["all_params"]["tau_syn_ex"] == case["all_params"]["tau_syn_in"]
    return list(MODELS) if equal else ["iaf_psc_exp"]


def main():
    with open(shared("reference", "traces.json"), encoding="utf-8") as file:
        reference = json.load(file)
    cases = {name: case for name, case in reference["cases"].items()
             if case["model"] == "iaf_psc_exp"}
    verdict = Verdict()
    with Workspace() as work:
        for name, case in cases.items():
            for neuron in neurons_of(case):
                for precision, bar in BARS.items():
                    what = f"{name} {neuron} {precision}"
                    out = work.path(what.replace(" ", "_"))
                    model = model_of(case, reference, neuron, precision)
                    run(work.write_model("model.yaml", model), out)
                    found = read_traces(out, MODELS[neuron][1])
                    compare(verdict, what, found, wanted_traces(case), bar)
                    step, _ = spikes(out, "cell")
                    same = np.array_equal(step, steps(case["spike_times"]))
                    verdict.check(same, f"{what}: {len(step)} spikes, each at its step")
    verdict.finish()


if __name__ == "__main__":
    main()
