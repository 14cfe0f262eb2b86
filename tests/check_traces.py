#!/usr/bin/python3
"""Potentials, currents and spikes of single iaf_psc_exp neurons are those of an established
simulator: within 1e-3 (mV, pA: relative to the largest) in single and 1e-9 in double precision."""
import json
import os

import h5py
import numpy as np

from program import Verdict, Workspace, run, shared, spikes, steps

PARAMETERS = ("C_m", "tau_m", "tau_syn_ex", "tau_syn_in", "E_L", "V_reset", "V_th", "t_ref", "I_e")
VARIABLES = ("V_m", "I_syn_ex", "I_syn_in")
BARS = {"single": 1e-3, "double": 1e-9}


def model_of(case, reference, precision):
    parameters = case["all_params"]
    model = {
        "simulation": {"dt": reference["dt"], "duration": reference["sim_ms"],
                       "precision": precision},
        "populations": {"cell": {
            "size": 1, "neuron": "iaf_psc_exp",
            "parameters": {key: parameters[key] for key in PARAMETERS},
            "initial": {"V_m": case["set_params"].get("V_m", parameters["E_L"])}}},
        "record": {"traces": [{"population": "cell", "variables": list(VARIABLES),
                               "interval": reference["dt"]}]},
    }
    if case["weight"] is not None:
        times = [round(t + reference["delay"], 6) for t in reference["input_spike_times"]]
        model["inputs"] = [{"type": "spike_trains", "target": "cell", "times": times,
                            "weight": case["weight"]}]
    return model


def read_traces(out):
    """{variable: values at every step}."""
    with h5py.File(os.path.join(out, "traces.h5"), "r") as file:
        data = file["report/cell/data"][:]
    return dict(zip(VARIABLES, data.T))


def main():
    with open(shared("reference", "traces.json"), encoding="utf-8") as file:
        reference = json.load(file)
    cases = {name: case for name, case in reference["cases"].items()
             if case["model"] == "iaf_psc_exp"}
    verdict = Verdict()
    with Workspace() as work:
        for name, case in cases.items():
            for precision, bar in BARS.items():
                out = work.path(f"{name}_{precision}")
                run(work.write_model("model.yaml", model_of(case, reference, precision)), out)
                found, wanted = read_traces(out), case["traces"]
                for variable in VARIABLES:
                    want = np.array(wanted[variable])
                    if len(found[variable]) != len(want):
                        verdict.check(False, f"{name} {precision} {variable}: "
                                      f"{len(found[variable])} values, expected {len(want)}")
                        continue
                    # Currents of hundreds of pA: relative to their size; potentials in mV.
                    size = 1.0 if variable == "V_m" else max(1.0, np.abs(want).max())
                    worst = np.abs(found[variable] - want).max() / size
                    verdict.check(worst <= bar,
                                  f"{name} {precision} {variable}: {worst:.2g} <= {bar:g}")
                step, _ = spikes(out, "cell")
                same = np.array_equal(step, steps(case["spike_times"]))
                verdict.check(same, f"{name} {precision}: {len(step)} spikes, each at its step")
    verdict.finish()


if __name__ == "__main__":
    main()
