#!/usr/bin/python3
"""What `shinkei perturb` gains from more ranks, each a group with a network of its own.

    tests/measure_perturb.py [--ranks 2] [--repeats 5]

Twelve neurons of tests/models/microcircuit_small.yaml after 100 ms, bins of 5 ms, one thread a rank. Each
cost is that of 3 x 4,096 runs less that of 4,096, so that start and building are left out; the least of the
repeats. Processor time counts waiting too, since a rank that waits spins, and a busy host changes it less
than wall time. Cores share caches, clock and memory: as many programs of one rank side by side show what
that costs."""
import argparse
import os
import resource
import subprocess
import time

from program import SOURCE, Workspace, command, run


def cost(folder, out, ranks, repeats, side=1):
    """[s] of processor and of wall time, of `side` programs at once."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    line = ["mpirun", "--mca", "mpi_yield_when_idle", "0", "--bind-to", "none", "-n", str(ranks),
            *command(["perturb", folder, "--nodes", "L4E:0-6,L4I:0-4", "--bin", 5, "--repeats", repeats,
                      "--background", "resampled", "--threads", 1, "--groups", ranks, "--overwrite"])]
    programs = [subprocess.Popen([*line, "--out", f"{out}-{k}.h5"], stderr=subprocess.PIPE, text=True)
                for k in range(side)]
    for program in programs:
        said = program.communicate()[1]
        if program.returncode:
            raise SystemExit(said)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.time() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    n = arguments.ranks
    with Workspace() as work:
        folder = work.path("run")
        run(os.path.join(SOURCE, "tests", "models", "microcircuit_small.yaml"), folder, "--duration", 100,
            "--checkpoint-at-end")
        cases = {(ranks, side): {1: [], 3: []} for ranks, side in ((1, 1), (n, 1), (1, n))}
        for _ in range(arguments.repeats):
            for (ranks, side), found in cases.items():
                for repeats, costs in found.items():
                    costs.append(cost(folder, work.path(f"{ranks}-{side}"), ranks, repeats, side))
        with open(work.path("1-1-0.h5"), "rb") as one, open(work.path(f"{n}-1-0.h5"), "rb") as all_:
            same = one.read() == all_.read()
    least = {case: [min(c[k] for c in found[3]) - min(c[k] for c in found[1]) for k in (0, 1)]
             for case, found in cases.items()}
    (alone, alone_wall), (together, wall), (beside, _) = least.values()
    print(f"1 rank: {alone:.2f} s of processor time, {alone_wall:.2f} s of wall time for 8,192 runs\n"
          f"{n} ranks, {n} groups: {together:.2f} s of processor time, {wall:.2f} s of wall time\n"
          f"{n} programs of one rank side by side: {beside / n:.2f} s of processor time each\n"
          f"efficiency at {n} ranks: {100 * alone / together:.1f} % by processor time, "
          f"{100 * alone_wall / n / wall:.1f} % by wall time; of what the cores give, "
          f"{100 * beside / n / together:.1f} %; the tables are {'the same' if same else 'DIFFERENT'}")


if __name__ == "__main__":
    main()
