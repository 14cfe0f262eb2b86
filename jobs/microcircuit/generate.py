#!/usr/bin/python3
"""Write the cortical microcircuit of Potjans & Diesmann (2014) as a model file for shinkei.

Tables: Potjans & Diesmann 2014, Cereb. Cortex 24:785, tables 4 and 5. Initial potentials
("optimized") and the mean rates used for scaling: published with the model's reference
implementation (Senk et al. 2025, microcircuit-PD14-model). Scaling of in-degrees: van Albada,
Helias & Diesmann 2015, PLoS Comput. Biol. 11:e1004490.

    generate.py > model.yaml                            the full model, Poisson input
    generate.py --input dc > model_dc.yaml              constant currents instead
    generate.py --scale 0.1 > tenth.yaml                a tenth of neurons and of in-degrees
    generate.py --scale 0.1 --scale-indegree 1 > ...    neurons alone
"""
import argparse
import math
import os
import sys

import yaml

POPULATIONS = ["L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I"]
SIZES = [20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948]

# Probability that a pair is joined at least once; rows: targets, columns: sources.
PROBABILITIES = [
    [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0000, 0.0076, 0.0000],
    [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0000, 0.0042, 0.0000],
    [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0000],
    [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0000, 0.1057, 0.0000],
    [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0000],
    [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0000],
    [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
    [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
]
EXTERNAL_INDEGREES = [1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100]
EXTERNAL_RATE = 8.0  # [Hz] of each external source

NEURON = {"C_m": 250.0, "tau_m": 10.0, "E_L": -65.0, "V_th": -50.0, "V_reset": -65.0,
          "t_ref": 2.0, "tau_syn": 0.5}
PSP = 0.15            # [mV] peak of an excitatory postsynaptic potential
INHIBITION = -4.0     # inhibitory weight relative to the excitatory
WEIGHT_CV = 0.1
DELAY_EXCITATORY, DELAY_INHIBITORY, DELAY_CV = 1.5, 0.75, 0.5  # [ms], [ms], 1
DC_LEAST = 0.2  # of the in-degrees; with less, constant currents leave the network silent (README)
DT_LEAST, TIME_MOST, SEED_MOST = 0.001, 1e10, 2**53 - 1  # of shinkei; the times in ms

INITIAL_POTENTIAL = {  # [mV] mean, standard deviation of each population
    "optimized": ([-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43],
                  [5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48]),
    "original": ([-58.0] * 8, [10.0] * 8),
}
MEAN_RATES = [0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829]  # [Hz] of the full model


def weight_of_psp(psp):
    """Amplitude [pA] of the exponential current whose potential peaks at psp [mV]."""
    tau_m, tau_s, capacity = NEURON["tau_m"], NEURON["tau_syn"], NEURON["C_m"]
    ratio = tau_m / tau_s
    peak = ratio ** (-tau_s / (tau_m - tau_s)) - ratio ** (-tau_m / (tau_m - tau_s))
    return psp * capacity * (tau_m - tau_s) / (tau_m * tau_s * peak)


def full_synapses(target, source):
    """Expected number of synapses K of which a pair has at least one with the probability p:
    p = 1 - (1 - 1/(N_pre N_post))^K, multapses allowed."""
    p, pairs = PROBABILITIES[target][source], SIZES[target] * SIZES[source]
    return math.log(1.0 - p) / math.log((pairs - 1.0) / pairs) if p > 0 else 0.0


def mean_weight(target, source):
    """[pA] L4E -> L23E is doubled (table 5 of the paper)."""
    weight = weight_of_psp(PSP) * (INHIBITION if source % 2 else 1.0)
    return 2.0 * weight if (target, source) == (0, 2) else weight


def lost_current(target, k):
    """[pA] that must be added so that the mean input stays when in-degrees shrink by k and weights
    grow by 1/sqrt(k), which keeps the variance (van Albada et al. 2015, eq. 4)."""
    recurrent = sum(mean_weight(target, source) * full_synapses(target, source) / SIZES[target]
                    * MEAN_RATES[source] for source in range(8))
    return 1e-3 * NEURON["tau_syn"] * (1.0 - math.sqrt(k)) * recurrent


def external_current(target):
    """[pA] mean of the external Poisson input of the full model."""
    return (1e-3 * NEURON["tau_syn"] * weight_of_psp(PSP) * EXTERNAL_INDEGREES[target]
            * EXTERNAL_RATE)


def projection(target, source, scale, k, dt):
    weight = mean_weight(target, source) / math.sqrt(k)
    delay = DELAY_INHIBITORY if source % 2 else DELAY_EXCITATORY  # what rounds to 0 is redrawn
    bound = {"max": 0.0} if source % 2 else {"min": 0.0}
    return {
        "source": POPULATIONS[source], "target": POPULATIONS[target], "rule": "fixed_total",
        "total": round(full_synapses(target, source) * scale * k),
        "weight": {"normal": {"mean": round(weight, 4),
                              "sd": round(abs(weight) * WEIGHT_CV, 4), **bound}},
        "delay": {"normal": {"mean": delay, "sd": delay * DELAY_CV, "min": dt / 2}},
    }


def inputs(target, kind, k):
    """External drive of one population and what makes up for lost in-degrees."""
    name, made = POPULATIONS[target], []
    amplitude = lost_current(target, k)
    if kind == "poisson":
        rate = EXTERNAL_RATE * round(EXTERNAL_INDEGREES[target] * k)
        made.append({"type": "poisson", "target": name, "rate": rate,
                     "weight": round(weight_of_psp(PSP) / math.sqrt(k), 4)})
        amplitude += (1.0 - math.sqrt(k)) * external_current(target)
    else:
        amplitude += external_current(target)
    if abs(amplitude) > 1e-9:
        made.append({"type": "dc", "target": name, "amplitude": round(amplitude, 4)})
    return made


def indegree_scale(options):
    return options.scale if options.scale_indegree is None else options.scale_indegree


def build(options):
    """The model as nested dictionaries and lists, in the order in which it is written."""
    k = indegree_scale(options)
    mean, deviation = INITIAL_POTENTIAL[options.initial]
    populations = {
        name: {"size": round(SIZES[i] * options.scale), "neuron": "cortical",
               "initial": {"V_m": {"normal": {"mean": mean[i], "sd": deviation[i]}}},
               "expected_rate": MEAN_RATES[i]}
        for i, name in enumerate(POPULATIONS)}
    pairs = [(target, source) for target in range(8) for source in range(8)]
    projections = [projection(target, source, options.scale, k, options.dt)
                   for target, source in pairs if PROBABILITIES[target][source] > 0]
    return {
        "simulation": {"dt": options.dt, "duration": options.duration,
                       "warm_up": options.warm_up, "seed": options.seed, "precision": "single"},
        "neurons": {"cortical": {"model": "iaf_psc_exp_shared", "parameters": {**NEURON, "I_e": 0.0}}},
        "populations": populations,
        "projections": [p for p in projections if p["total"] > 0],
        "inputs": [line for target in range(8) for line in inputs(target, options.input, k)],
        "record": {"spikes": "all"},
    }


def flow(value):
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1 << 20)
    return text.strip().removesuffix("...").strip()


def write(model, heading, out):
    """One line a population, projection and input, so that the file can be read and compared."""
    for line in heading:
        print("#", line, file=out)
    for section, content in model.items():
        print(f"\n{section}:", file=out)
        if isinstance(content, dict):
            for key, value in content.items():
                print(f"  {key}: {flow(value)}", file=out)
        else:
            for item in content:
                print(f"  - {flow(item)}", file=out)


def number(least, most, kind=float):
    """A type for argparse: a number from `least` to `most`."""
    def read(text):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"'{text}' is out of range: must be {'an integer' if kind is int else 'a number'} "
                f"from {least} to {most:.16g}")
        return value
    return read


def fraction(text):
    value = number(0, 1)(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text}: a scale lies in (0, 1]")
    return value


def fault(options):
    """What is wrong with the options together, in words; None: nothing."""
    for name, value in (("--duration", options.duration), ("--warm-up", options.warm_up)):
        steps = value / options.dt
        if abs(steps - round(steps)) > 1e-6 + 4e-16 * steps:  # as shinkei has it
            return f"{name}: {value:g} ms is no multiple of --dt, {options.dt:g} ms"
    for size, name in zip(SIZES, POPULATIONS):
        if round(size * options.scale) == 0:
            return (f"--scale: {options.scale:g} leaves none of the {size} neurons of {name}: must be "
                    f"above {0.5 / min(SIZES):.6f}")
    k = indegree_scale(options)
    if round(min(EXTERNAL_INDEGREES) * k) == 0:
        return (f"--scale-indegree: {k:g} leaves none of the {min(EXTERNAL_INDEGREES)} external "
                f"synapses of a neuron: must be above {0.5 / min(EXTERNAL_INDEGREES):.6f}")
    if abs(NEURON["t_ref"] / options.dt - round(NEURON["t_ref"] / options.dt)) > 1e-6:
        return f"--dt: the refractory time of {NEURON['t_ref']:g} ms is no multiple of {options.dt:g} ms"
    return None


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=fraction, default=1.0, metavar="S",
                        help="fraction of the neurons (default 1)")
    parser.add_argument("--scale-indegree", type=fraction, metavar="K",
                        help="fraction of the synapses of a neuron (default: as --scale)")
    parser.add_argument("--input", choices=("poisson", "dc"), default="poisson",
                        help="external drive (default poisson)")
    parser.add_argument("--initial", choices=tuple(INITIAL_POTENTIAL), default="optimized",
                        help="initial potentials (default optimized: no burst at the start)")
    parser.add_argument("--dt", type=number(DT_LEAST, DELAY_INHIBITORY), default=0.1, metavar="MS",
                        help="at most the mean delay of inhibition; delays are rounded to it "
                        "(default 0.1)")
    parser.add_argument("--duration", type=number(0, TIME_MOST), default=1000.0, metavar="MS",
                        help="a multiple of --dt (default 1000)")
    parser.add_argument("--warm-up", type=number(0, TIME_MOST), default=0.0, metavar="MS",
                        help="a multiple of --dt (default 0)")
    parser.add_argument("--seed", type=number(0, SEED_MOST, int), default=55)
    options = parser.parse_args()
    wrong = fault(options)
    if wrong:
        parser.error(wrong)
    return options


def write_out(write_all):
    """To the standard output; quietly where nobody reads on, as behind `| head`."""
    try:
        write_all()
        sys.stdout.flush()
    except OSError as problem:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1 if isinstance(problem, BrokenPipeError) else
                 f"generate.py: the model cannot be written: {problem.strerror}")


def main():
    options = parse_arguments()
    model = build(options)
    neurons = sum(p["size"] for p in model["populations"].values())
    synapses = sum(p["total"] for p in model["projections"])
    rare = sum(p > 0 for row in PROBABILITIES for p in row) - len(model["projections"])
    left_out = f"{rare} projections of less than half a synapse are left out."
    write_out(lambda: write(model, [
        "Cortical microcircuit, Potjans & Diesmann 2014 (doi:10.1093/cercor/bhs358):",
        f"{neurons} neurons, {synapses} synapses, {options.input} input.",
        " ".join(["Written by jobs/microcircuit/generate.py", *sys.argv[1:]]),
        *([left_out] if rare else []),
        "Units: ms, mV, pA, pF, Hz."], sys.stdout))
    if rare:
        print(f"generate.py: {left_out}", file=sys.stderr)
    if options.input == "dc" and indegree_scale(options) < DC_LEAST:
        print(f"generate.py: warning: --input dc with {indegree_scale(options):g} of the synapses of a neuron: "
              f"below {DC_LEAST:g} most of the network may be silent; use --input poisson, or a --scale-indegree "
              f"of at least {DC_LEAST:g}", file=sys.stderr)


if __name__ == "__main__":
    main()
