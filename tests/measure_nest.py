#!/usr/bin/python3
"""The full-scale cortical microcircuit in NEST: time and memory, and what the network that a seed of NEST's
gives is like. How far its own networks lie apart says what a deviation of ours from one of them means.

    measure_nest.py SEED [--duration 5500] [--scale 1] [--json tests/microcircuit_nest.json]

Needs NEST 3 (`import nest`; it is not needed by anything else here), at full scale 15 GB of memory, and on
two cores some minutes to half an hour. NEST's networks depend on the number of threads too."""
import argparse
import json
import math
import os
import resource
import sys
import time

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(SOURCE, "jobs", "microcircuit"), os.path.join(SOURCE, "analysis")]
import generate
import spike_statistics

WINDOWS = {"5s": (500, 5500), "3s": (1100, 4100)}  # [ms] of the reference


def create(nest, scale):
    mean, deviation = generate.INITIAL_POTENTIAL["optimized"]
    neuron = {key: value for key, value in generate.NEURON.items() if key != "tau_syn"}
    neuron |= {"tau_syn_ex": generate.NEURON["tau_syn"], "tau_syn_in": generate.NEURON["tau_syn"]}
    populations = []
    for i, size in enumerate(generate.SIZES):
        current = generate.lost_current(i, scale) + (1 - math.sqrt(scale)) * generate.external_current(i)
        populations.append(nest.Create("iaf_psc_exp", round(size * scale), {**neuron, "I_e": current}))
        populations[i].V_m = nest.random.normal(mean[i], deviation[i])
    recorder = nest.Create("spike_recorder")
    poisson = nest.Create("poisson_generator", 8)
    poisson.rate = [generate.EXTERNAL_RATE * round(k * scale) for k in generate.EXTERNAL_INDEGREES]
    return populations, recorder, poisson


def connect(nest, populations, scale):
    # One model a sign: NEST keeps the synapses of a model together.
    for name in ("excitatory", "inhibitory"):
        nest.CopyModel("static_synapse", name)
    for target in range(8):
        for source in range(8):
            total = round(generate.full_synapses(target, source) * scale * scale)
            if total == 0:
                continue
            weight = generate.mean_weight(target, source) / math.sqrt(scale)
            inhibitory = weight < 0
            delay = generate.DELAY_INHIBITORY if inhibitory else generate.DELAY_EXCITATORY
            nest.Connect(populations[source], populations[target], {"rule": "fixed_total_number", "N": total}, {
                "synapse_model": "inhibitory" if inhibitory else "excitatory",
                "weight": nest.math.redraw(nest.random.normal(weight, abs(weight) * generate.WEIGHT_CV),
                                           min=-math.inf if inhibitory else 0.0,
                                           max=0.0 if inhibitory else math.inf),
                "delay": nest.math.redraw(nest.random.normal(delay, delay * generate.DELAY_CV),
                                          min=nest.resolution / 2, max=math.inf)})


def connect_devices(nest, populations, recorder, poisson, scale):
    weight = generate.weight_of_psp(generate.PSP) / math.sqrt(scale)
    for population in populations:
        nest.Connect(population, recorder)
    for population, source in zip(populations, poisson):
        nest.Connect(source, population, syn_spec={"weight": weight, "delay": generate.DELAY_EXCITATORY})


def read_populations(populations, events):
    """As analysis/spike_statistics.py has them."""
    found = []
    for name, population in zip(generate.POPULATIONS, populations):
        first, size = population[0].global_id, len(population)
        own = (events["senders"] >= first) & (events["senders"] < first + size)
        found.append(spike_statistics.Population(name, size, events["times"][own], events["senders"][own] - first))
    return found


def add_to_file(path, seed, program, cases):
    content = {"program": program, "seeds": {}}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    if content["program"] != program:
        sys.exit(f"{path} is of {content['program']}, not of {program}")
    content["seeds"][str(seed)] = {
        case: {name: {key: round(float(one[key]), 7) for key in ("rate", "cv", "correlation")}
               for name, one in found.items()} for case, found in cases.items()}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seed", type=int)
    parser.add_argument("--duration", type=float, default=5500.0, help="[ms]")
    parser.add_argument("--scale", type=float, default=1.0, help="of neurons and in-degrees")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", metavar="FILE", help="add the statistics to it")
    options = parser.parse_args()
    if options.json and (options.scale != 1 or options.duration < max(end for _, end in WINDOWS.values())):
        parser.error("--json: is for the full scale, and for all of its windows")
    try:
        import nest
    except ImportError as fault:
        sys.exit(f"NEST 3 is needed: {fault}")
    nest.ResetKernel()
    nest.set(local_num_threads=options.threads, resolution=0.1, rng_seed=options.seed)
    begun = time.monotonic()
    populations, recorder, poisson = create(nest, options.scale)
    connect(nest, populations, options.scale)
    connect_devices(nest, populations, recorder, poisson, options.scale)
    nest.Simulate(0.1)  # it sorts the connections
    built = time.monotonic()
    nest.Simulate(options.duration - 0.1)
    rtf = (time.monotonic() - built) / (options.duration - 0.1) * 1e3
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{nest.num_connections} connections, built in {built - begun:.1f} s, real-time factor {rtf:.2f}, peak "
          f"memory {peak / 1e9:.2f} GB", flush=True)
    found = read_populations(populations, recorder.events)
    cases = {case: spike_statistics.describe_all(found, *window) for case, window in WINDOWS.items()
             if window[1] <= options.duration}
    for case, statistics in cases.items():
        print("{} to {} ms".format(*WINDOWS[case]))
        spike_statistics.print_statistics(statistics)
    if options.json:
        add_to_file(options.json, options.seed, f"NEST {nest.__version__}, {options.threads} threads", cases)


if __name__ == "__main__":
    main()
