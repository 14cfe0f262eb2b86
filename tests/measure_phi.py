#!/usr/bin/python3
"""How well `shinkei phi` spreads many groups over ranks, and how good its predictions of time are.

    tests/measure_phi.py ranks [--ranks 2] [--groups 40] [--repeats 3]
    tests/measure_phi.py predictions
    tests/measure_phi.py practical [--cases MI:1000 SI:100 star:40 G:40] [--seed 1]

ranks: one thread a rank; the least of the repeats. Efficiency is the work of one rank over that of all:
by processor time, in which waiting counts since a rank that waits spins, and which a busy host does not
change; by wall time; and as the program tells it, the share of the wall time in which ranks computed. Start
and end of the program (measured by --help) are left out. Cores share caches, clock and memory: as many
programs of one rank side by side, which have nothing to do with each other, show what that costs.
predictions: what is said before the start, and the processor time that it took, on one core.
practical: minimum partitions of random stable Gaussian systems by Queyranne's algorithm, one thread: the
program's time with all it does, reading the recording, covariances and the search, without bootstrap."""
import argparse
import json
import os
import re
import resource
import subprocess
import time

import h5py
import numpy as np

from program import Workspace, command


def run(options, ranks, beside=()):
    """(processor time, wall time [s], what it said) of all ranks together; `beside`: values of --out, for
    each of which a program runs at the same time."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    line = ["mpirun", "--mca", "mpi_yield_when_idle", "0", "--bind-to", "none", "-n", str(ranks),
            *command(["phi", *options])]
    programs = [subprocess.Popen(line + more, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 env={**os.environ, "OMP_NUM_THREADS": "1"})
                for more in ([["--out", out] for out in beside] or [[]])]
    for done in programs:
        _, said = done.communicate()
        if done.returncode:
            raise SystemExit(said)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.time() - begun, \
        said


def write_spikes(path, neurons, samples):
    """A noisy ring, whose neurons fire in a bin of 5 ms with 5 to 45 %: groups of unequal cost."""
    random = np.random.default_rng(1)
    rate = np.linspace(0.05, 0.45, neurons)
    on = np.zeros((samples, neurons), dtype=bool)
    for t in range(1, samples):
        on[t] = np.where(random.random(neurons) < 0.3, np.roll(on[t - 1], 1), random.random(neurons) < rate)
    step, node = np.nonzero(on)
    with h5py.File(path, "w") as file:
        file["spikes/ring/timestamps"] = (step + 0.5) * 5
        file["spikes/ring/node_ids"] = node.astype(np.uint64)


def measure_ranks(arguments):
    with Workspace() as work:
        write_spikes(work.path("s.h5"), 40, 4000)
        options = ["--spikes", work.path("s.h5"), "--sample", f"{arguments.groups}x4", "--measures",
                   "star,G,iit4,SI", "--bootstrap", "5", "--surrogates", "5", "--overwrite"]
        cost = {n: ([], [], []) for n in (1, arguments.ranks)}
        start, beside = {n: [] for n in cost}, []
        for _ in range(arguments.repeats):
            for n, (processor, wall, share) in cost.items():
                start[n].append(run(["--help"], n)[:2])
                used, passed, said = run([*options, "--out", work.path(f"r{n}.h5")], n)
                processor.append(used)
                wall.append(passed)
                found = re.search(r"computed ([\d.]+) %", said)
                share.append(float(found.group(1)) if found else 100)
            beside.append(run(options, 1, [work.path(f"b{k}.h5") for k in range(arguments.ranks)])[0])
        with open(work.path("r1.h5"), "rb") as one, open(work.path(f"r{arguments.ranks}.h5"), "rb") as all_:
            same = one.read() == all_.read()
    least = {n: [min(cost[n][k]) - min(s[k] for s in start[n]) for k in (0, 1)] for n in cost}
    for n, (processor, wall) in least.items():
        print(f"{n} rank{'s' if n > 1 else ''}: {processor:.1f} s of processor time, {wall:.1f} s of wall time")
    n = arguments.ranks
    alone, together = least[1][0], min(beside) / n - min(s[0] for s in start[1])
    print(f"{n} programs of one rank side by side: {together:.1f} s of processor time each: the cores give "
          f"{100 * alone / together:.1f} %; of that the ranks reach {100 * together / least[n][0]:.1f} %")
    print(f"efficiency at {n} ranks: {100 * least[1][0] / least[n][0]:.1f} % by processor time, "
          f"{100 * least[1][1] / n / least[n][1]:.1f} % by wall time; ranks computed {max(cost[n][2]):.1f} % of "
          f"the time; the files are {'the same' if same else 'DIFFERENT'}")


def write_table(path, n):
    random = np.random.default_rng(n)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"tpm": random.uniform(0.05, 0.95, (2**n, n)).tolist(), "order": "little-endian",
                   "state": [0] * n}, file)


def said_seconds(text):
    amount, unit = re.search(r"about ([\d.e+-]+) (s|minutes|hours|days) on", text).groups()
    return float(amount) * {"s": 1, "minutes": 60, "hours": 3600, "days": 86400}[unit]


def measure_predictions(_):
    cases = [("iit3", (4, 5, 6)), ("iit4", (5, 6, 7, 8, 9)), ("structure", (4, 5, 6, 7)),
             ("emergence", (4, 5, 6, 7)), ("EI", (8, 10)), ("MI", (6, 8, 10)), ("SI", (6, 8, 10)),
             ("R", (6, 8)), ("star", (4, 6, 8)), ("G", (3, 4, 5))]
    gaussian = [("SI", (8, 12, 40)), ("star", (8, 12, 16)), ("G", (8, 10, 12)), ("MI", (12, 100)), ("R", (8, 10))]
    with Workspace() as work:
        idle = min(run(["--help"], 1)[0] for _ in range(3))
        for kind, list_ in (("table", cases), ("gaussian", gaussian)):
            for measure, sizes in list_:
                for n in sizes:
                    if kind == "table":
                        write_table(work.path("t.json"), n)
                        options = ["--table", work.path("t.json")]
                    else:
                        random = np.random.default_rng(n)
                        x = random.normal(size=(4000, n)) @ random.normal(size=(n, n))
                        with h5py.File(work.path("x.h5"), "w") as file:
                            file["series"] = x[1:] + 0.5 * x[:-1]
                        options = ["--series", work.path("x.h5"), "--bootstrap", "0", "--surrogates", "0"]
                    used, _, said = run([*options, "--measures", measure, "--out", work.path("o.json")], 1)
                    used, guess = max(used - idle, 1e-3), said_seconds(said)
                    print(f"{kind:8} {measure:10} n = {n:3}: said {guess:9.3g} s, took {used:9.3g} s"
                          + ("" if used < 0.1 else f", factor {guess / used:5.2f}"), flush=True)


def write_autoregression(path, n, seed):
    """x(t+1) = A x(t) + e, A drawn evenly around 0 with spectral radius 0.7, correlated e; as many samples
    as make the covariance of 2n variables regular by far."""
    random = np.random.default_rng([seed, n])
    a = random.normal(size=(n, n))
    a *= 0.7 / np.abs(np.linalg.eigvals(a)).max()
    mix = np.eye(n) + random.normal(scale=0.3 / np.sqrt(n), size=(n, n))
    samples, warm_up = 10 * n + 2000, 200
    x = random.normal(size=(warm_up + samples, n)) @ mix.T
    for t in range(1, len(x)):
        x[t] += a @ x[t - 1]
    with h5py.File(path, "w") as file:
        file["series"] = x[warm_up:]


def measure_practical(arguments):
    with Workspace() as work:
        for case in arguments.cases:
            measure, n = case.split(":")
            write_autoregression(work.path("x.h5"), int(n), arguments.seed)
            used, wall, said = run(["--series", work.path("x.h5"), "--measures", measure, "--search", "queyranne",
                                    "--bootstrap", "0", "--surrogates", "0", "--out", work.path("o.json")], 1)
            with open(work.path("o.json"), encoding="utf-8") as file:
                found = json.load(file)["measures"][measure]
            print(f"{measure:5} N = {n:>4}: {used:8.2f} s of processor time, {wall:8.2f} s of wall time (said "
                  f"{said_seconds(said):.3g} s); {found['value']:.6g} nats, parts of "
                  f"{' and '.join(str(found['partition'].count(k)) for k in (0, 1))}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("ranks", "predictions", "practical"))
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--groups", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cases", nargs="+", default=["MI:1000", "SI:100", "star:40", "G:40"])
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    {"ranks": measure_ranks, "predictions": measure_predictions, "practical": measure_practical}[arguments.what](arguments)


if __name__ == "__main__":
    main()
