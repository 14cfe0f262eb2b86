#!/usr/bin/python3
"""Statistics of spikes are what they are defined to be, against plain loops and known answers; the
readers take what the SONATA format allows and refuse the rest with a message; a picture comes out
of any of it."""
import os
import subprocess
import sys

import h5py
import numpy as np

from program import SOURCE, Verdict, Workspace

sys.path.insert(0, os.path.join(SOURCE, "analysis"))
sys.path.insert(0, os.path.join(SOURCE, "jobs", "fly"))
import sonata
import spike_statistics as statistics


def plain_cv(population, node):
    """Of one neuron, or None where it has fewer than three spikes."""
    times = [t for t, n in zip(population.time, population.node) if n == node]
    if len(times) < 3:
        return None
    intervals = [b - a for a, b in zip(times, times[1:])]
    mean = sum(intervals) / len(intervals)
    return (sum((i - mean) ** 2 for i in intervals) / len(intervals)) ** 0.5 / mean


def plain_counts(population, node, begin, end, width):
    bins = int((end - begin) / width)
    return [sum(1 for t, n in zip(population.time, population.node)
                if n == node and begin + i * width < t <= begin + (i + 1) * width)
            for i in range(bins)]


def check_definitions(verdict):
    random = np.random.default_rng(7)
    time = np.round(random.uniform(0, 400, 600), 1)
    node = random.integers(0, 25, 600)
    node[node == 4] = 5  # one silent neuron
    population = statistics.Population("P", 30, time, node)
    begin, end = 50.0, 350.0
    part = population.window(begin, end)
    plain = [(t, n) for t, n in zip(time, node) if begin < t <= end]
    verdict.check(len(part.time) == len(plain), "the window is begin < t <= end")

    found = statistics.describe(population, begin, end)
    verdict.check(np.isclose(found["rate"], len(plain) / 30 / 0.3), "rate counts silent neurons")
    verdict.check(np.isclose(found["silent"], 1 - len({n for _, n in plain}) / 30), "silent")
    wanted = [cv for cv in (plain_cv(part, n) for n in range(30)) if cv is not None]
    verdict.check(np.isclose(found["cv"], np.mean(wanted)) and found["cv_neurons"] == len(wanted),
                  "CV is the mean over neurons with three spikes or more")
    active = sorted(set(part.node))
    counts = np.array([plain_counts(part, n, begin, end, 2.0) for n in active])
    pairs = np.corrcoef(counts)[np.triu_indices(len(active), 1)]
    verdict.check(np.isclose(found["correlation"], pairs.mean()),
                  "correlation of 2 ms counts over all pairs of active neurons")
    whole = [sum(1 for t, _ in plain if begin + 3 * i < t <= begin + 3 * (i + 1))
             for i in range(100)]
    verdict.check(np.isclose(found["synchrony"], np.var(whole) / np.mean(whole)), "synchrony")
    edge = statistics.Population("P", 1, np.array([50.0, 350.0]), np.array([0, 0]))
    verdict.check(list(edge.window(50.0, 350.0).time) == [350.0],
                  "a spike at the begin is out, one at the end is in")


def check_known_answers(verdict):
    """Poisson trains that keep a fraction c of the spikes of a common one are correlated by c^2."""
    random, neurons, seconds, rate, c = np.random.default_rng(3), 150, 40.0, 8.0, 0.1
    common = random.uniform(0, seconds * 1e3, random.poisson(rate * seconds))
    time, node = [], []
    for n in range(neurons):
        own = random.uniform(0, seconds * 1e3, random.poisson(rate * (1 - c) * seconds))
        shared = common[random.random(len(common)) < c]
        time += [own, shared]
        node += [np.full(len(own) + len(shared), n)]
    population = statistics.Population("P", neurons, np.concatenate(time), np.concatenate(node))
    found = statistics.describe(population, 0.0, seconds * 1e3)
    # Each train keeps a spike of the common one with probability c: a pair shares c^2 of them.
    expected = c * c
    verdict.check(abs(found["rate"] - rate) < 0.25, f"Poisson rate {found['rate']:.3f}, {rate} asked")
    verdict.check(abs(found["cv"] - 1) < 0.03, f"Poisson CV {found['cv']:.3f}")
    verdict.check(abs(found["correlation"] - expected) < 0.001,
                  f"shared spikes: correlation {found['correlation']:.5f}, {expected:.5f} expected")


def run_script(name, *arguments):
    return subprocess.run([sys.executable, os.path.join(SOURCE, "analysis", name), *arguments],
                          capture_output=True, text=True, check=False)


def check_files(verdict):
    with Workspace() as work:
        files = {}
        files["newer layout"] = work.path("new.h5")
        sonata.write_spikes(files["newer layout"], "P", [1.5, 2.5, 30.0], [0, 2, 1])
        files["older layout, seconds"] = work.path("old.h5")
        with h5py.File(files["older layout, seconds"], "w") as file:
            file["spikes/timestamps"] = [0.0015, 0.0025, 0.03]
            file["spikes/timestamps"].attrs["units"] = "s"
            file["spikes/gids"] = [0, 2, 1]
        files["no spikes at all"] = work.path("none.h5")
        sonata.write_spikes(files["no spikes at all"], "P", [], [])
        files["many populations"] = work.path("many.h5")
        with h5py.File(files["many populations"], "w") as file:
            for i in range(60):
                file[f"spikes/population_{i}/timestamps"] = np.arange(1.0, 50.0)
                file[f"spikes/population_{i}/node_ids"] = np.arange(49) % (i + 1)
        (new,), (old,) = (statistics.read_spikes(files[name])
                          for name in ("newer layout", "older layout, seconds"))
        verdict.check(np.allclose(new.time, old.time) and np.array_equal(new.node, old.node),
                      "both layouts and units give the same spikes")
        for name, path in files.items():
            out = work.path("out.png")
            window = ("--from", "0", "--to", "50")
            done = run_script("picture.py", path, "--out", out, *window)
            if name == "no spikes at all":
                verdict.check(done.returncode == 1 and "nothing to draw" in done.stderr,
                              f"picture of {name}: said so")
            else:
                verdict.check(done.returncode == 0 and os.path.getsize(out) > 10000,
                              f"picture of {name}" + (done.stderr if done.returncode else ""))
                os.remove(out)
            done = run_script("spike_statistics.py", path, *window)
            verdict.check(done.returncode == 0, f"statistics of {name}" + (done.stderr if done.returncode else ""))
        bad = work.path("bad.h5")
        with open(bad, "w", encoding="utf-8") as file:
            file.write("0.1 4\n")
        for script in ("picture.py", "spike_statistics.py"):
            for path in (bad, work.path("nowhere.h5")):
                done = run_script(script, path)
                verdict.check(done.returncode == 1 and path in done.stderr
                              and "Traceback" not in done.stderr,
                              f"{script} of {os.path.basename(path)}: {done.stderr.strip()[-80:]}")


def main():
    verdict = Verdict()
    check_definitions(verdict)
    check_known_answers(verdict)
    check_files(verdict)
    verdict.finish()


if __name__ == "__main__":
    main()
