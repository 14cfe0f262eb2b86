#!/usr/bin/python3
"""The full-scale cortical microcircuit against an established simulator: every population's rate
within 2 % (L5E 4 %), CV of inter-spike intervals within 0.02, mean correlation within 0.6e-3, over
0.5 to 5.5 s and over 1.1 to 4.1 s.

    check_microcircuit_reference.py --long [--seed N] [--keep FOLDER]

Long: 5.5 s of biological time at full scale, 2 GB of memory; about half a minute on two quiet cores,
minutes on busy ones. Without --long, or SHINKEI_LONG=1 in the environment, it is skipped."""
import argparse
import os
import sys

from program import SOURCE, Verdict, Workspace, run, shared, skip

sys.path.insert(0, os.path.join(SOURCE, "analysis"))
import spike_statistics

CASES = ("seed55_5s", "seed55_3s", "seed123_3s")


def check_case(verdict, populations, path, case):
    _, begin, end, reference = spike_statistics.load_reference(path, case)
    found = spike_statistics.describe_all(populations, begin, end)
    rows = spike_statistics.compare(found, reference, rate_bars={"L5E": 0.04})
    print(f"\n{case}: {begin:g} < t <= {end:g} ms")
    spike_statistics.print_statistics(found)
    print()
    spike_statistics.print_comparison(rows)
    print()
    for quantity in ("rate", "cv", "correlation"):
        outside = [row[0] for row in rows if row[1] == quantity and not row[-1]]
        worst = max((row for row in rows if row[1] == quantity), key=lambda row: abs(row[4]))
        verdict.check(not outside, f"{case}: {quantity} of all populations within the bar, largest "
                      f"deviation {worst[4]:.5f} ({worst[0]})"
                      + (", outside: " + ", ".join(outside) if outside else ""))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="run it")
    parser.add_argument("--seed", type=int, default=55)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--keep", metavar="FOLDER", help="keep the results there")
    options = parser.parse_args()
    if not options.long and os.environ.get("SHINKEI_LONG") != "1":
        skip("long: half a minute on two quiet cores and 2 GB of memory; --long or SHINKEI_LONG=1")
    path = shared("reference", "microcircuit.json")
    model = os.path.join(SOURCE, "jobs", "microcircuit", "model.yaml")
    verdict = Verdict()
    with Workspace() as work:
        out = options.keep or work.path("out")
        summary = run(model, out, "--duration", 5500, "--seed", options.seed,
                      threads=options.threads)
        print(f"{summary['synapses']} synapses, built in {summary['build_s']:.1f} s, simulated in "
              f"{summary['simulate_s']:.1f} s (RTF {summary['rtf']:.2f})")
        sizes, *_ = spike_statistics.read_model(os.path.join(out, "spikes.h5"), model)
        populations = spike_statistics.read_spikes(os.path.join(out, "spikes.h5"), sizes)
        for case in CASES:
            check_case(verdict, populations, path, case)
    verdict.finish()


if __name__ == "__main__":
    main()
