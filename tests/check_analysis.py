#!/usr/bin/python3
"""Statistics of spikes are what they are defined to be, against plain loops and known answers; the
readers take what the SONATA format allows and refuse the rest with a message; a picture comes out
of any of it; a wrong file or option is refused in words."""
import json
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


def write_arrays(path, arrays):
    """An HDF5 file of {name: value}; None: a group."""
    with h5py.File(path, "w") as file:
        for name, value in arrays.items():
            if value is None:
                file.create_group(name)
            else:
                file[name] = value


def refuses(verdict, script, words, *arguments):
    """`words`: what the message names."""
    done = run_script(script, *arguments)
    sound = done.returncode in (1, 2) and words in done.stderr and not done.stdout
    verdict.check(sound and not any(word in done.stderr for word in ("Traceback", "Warning")),
                  f"{script}: {done.stderr.strip().splitlines()[-1:]}"[:150])


def both_refuse(verdict, words, *arguments):
    for script in ("picture.py", "spike_statistics.py"):
        refuses(verdict, script, words, *arguments)


def reader_refuses(verdict, words, read, *arguments):
    """A reader that both scripts share, without the time that they take to start."""
    try:
        read(*arguments)
        message = "nothing is refused"
    except SystemExit as refusal:
        message = str(refusal)
    verdict.check(words in message and "\n" not in message, f"{read.__name__}: {message}"[:150])


def check_bad_spikes(verdict):
    time, node = "spikes/P/timestamps", "spikes/P/node_ids"
    for words, arrays in (
            ("2 timestamps and 3 node ids", {time: [1.0, 2.0], node: [0, 1, 2]}),
            ("2-dimensional", {time: [[1.0, 2.0]], node: [[0, 1]]}),
            ("0-dimensional", {time: 1.0, node: 0}),
            ("one-dimensional array of numbers", {time: [b"1", b"2"], node: [0, 1]}),
            ("one-dimensional array of integers", {time: [1.0, 2.0], node: [0.5, 1]}),
            ("node id -1", {time: [1.0, 2.0], node: [0, -1]}),
            ("node id 18446744073709551615", {time: [1.0], node: np.array([2**64 - 1], np.uint64)}),
            ("nan ms: must be finite", {time: [1.0, np.nan], node: [0, 1]}),
            ("/spikes/Q has no timestamps", {time: [1.0], node: [0], "spikes/Q": None}),
            ("has no node_ids or gids", {time: [1.0]}),
            ("/spikes/Q is no group", {time: [1.0], node: [0], "spikes/Q": [1.0]}),
            ("no group /spikes", {"spikes": [1.0]})):
        with Workspace() as work:
            write_arrays(work.path("bad.h5"), arrays)
            reader_refuses(verdict, words, statistics.read_spikes, work.path("bad.h5"))


def read_both(spikes, model):
    statistics.read_spikes(spikes, statistics.read_model(spikes, model)[0])


def check_bad_models(verdict, work, spikes):
    good = "simulation: {duration: 1e2}\npopulations: {P: {size: 5}}\n"
    for words, text in (
            ("no mapping 'simulation'", "[1, 2]\n"), ("no mapping 'simulation'", ""),
            ("no mapping 'simulation'", "populations: {}\n"), ("no YAML", "a: [\n"),
            ("no mapping 'populations'", "simulation: {duration: 100}\n"),
            ("no mapping 'populations.P'", good.replace("{size: 5}", "5")),
            ("populations.P.size: 1.5 is no integer", good.replace("5", "1.5")),
            ("node 2, but P has 2 neurons", good.replace("5", "2")),
            ("simulation.duration: 'x' is no number", good.replace("1e2", "x"))):
        with open(work.path("model.yaml"), "w", encoding="utf-8") as file:
            file.write(text)
        reader_refuses(verdict, words, read_both, spikes, work.path("model.yaml"))
    both_refuse(verdict, "no YAML", spikes, "--model", spikes)
    reader_refuses(verdict, "nowhere.yaml: cannot be read", read_both, spikes, "nowhere.yaml")
    with open(work.path("model.yaml"), "w", encoding="utf-8") as file:
        file.write(good)
    done = run_script("spike_statistics.py", spikes, "--model", work.path("model.yaml"))
    verdict.check(done.stdout.startswith("0 < t <= 100 ms"), "a duration of 1e2 is that of 100")


def check_bad_options(verdict, work, spikes):
    both_refuse(verdict, "--to: 'inf' is no time", spikes, "--to", "inf")
    refuses(verdict, "spike_statistics.py", "--from: 'nan' is no time", spikes, "--from", "nan")
    reader_refuses(verdict, work.name + ": is no file", statistics.read_spikes, work.name)
    os.mkfifo(work.path("pipe"))
    reader_refuses(verdict, "pipe: is no file", statistics.read_spikes, work.path("pipe"))
    for words, *arguments in (
            ("'/nowhere/x.png' cannot be written", "--out", "/nowhere/x.png"),
            ("must end in .png, .pdf, .svg", "--out", work.name),
            ("must end in .png, .pdf, .svg", "--out", work.path("pico")),
            ("cannot be set", "--title", r"$\frac{$"), ("above 0", "--raster", "-5"),
            ("--raster: 'nan'", "--raster", "nan")):
        refuses(verdict, "picture.py", words, spikes, "--to", "50", *arguments)
    for words, *arguments in (
            ("'/nowhere/x' cannot be written", "--json", "/nowhere/x"),
            ("but a folder", "--json", work.name), ("would be replaced", "--json", spikes),
            ("--case names a case of --reference", "--case", "a")):
        refuses(verdict, "spike_statistics.py", words, spikes, "--to", "50", *arguments)


def check_bad_references(verdict, work, spikes):
    values = {"rate_mean": 1, "cv_isi_mean": 1, "corr_mean": 0}
    case = {"t0": 0, "t1": 50, "pops": {"P": values}}
    path = work.path("reference.json")
    for words, content in (
            ("no JSON", "x"), ("not a list", "[1]"), ("no reference", "{}"),
            ("a.t0: None", json.dumps({"a": {"pops": {}}})), ("choose a case of: a, b",
             json.dumps({"a": case, "b": case})),
            ("rate_mean: 0 is no number above 0",
             json.dumps({"a": {**case, "pops": {"P": {**values, "rate_mean": 0}}}}))):
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        reader_refuses(verdict, words, statistics.load_reference, path)
    refuses(verdict, "spike_statistics.py", "cannot be read", spikes, "--reference", "/nowhere/r")


def check_output(verdict):
    """Of one spike there is no CV: NaN in the table, null in JSON. And nobody has to read it all."""
    def no_constant(word):
        raise ValueError(word)

    with Workspace() as work:
        spikes, told = work.path("spikes.h5"), work.path("told.json")
        sonata.write_spikes(spikes, "P", [1.5], [0])
        done = run_script("spike_statistics.py", spikes, "--to", "50", "--json", told)
        with open(told, encoding="utf-8") as file:
            found = json.load(file, parse_constant=no_constant)["populations"]["P"]
        verdict.check(done.returncode == 0 and found["cv"] is None and found["spikes"] == 1,
                      f"what cannot be told is null: {found}")
        script = os.path.join(SOURCE, "analysis", "spike_statistics.py")
        line = f"'{sys.executable}' '{script}' '{spikes}' --to 50 | true"
        done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
        verdict.check("Broken" not in done.stderr, f"quiet where nobody reads on: {done.stderr[-80:]}")
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([sys.executable, script, spikes, "--to", "50"], stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False)
        verdict.check(done.returncode == 1 and done.stderr.endswith("cannot be written: No space left on device\n")
                      and "Traceback" not in done.stderr, f"a full device is said: {done.stderr.strip()[-80:]}")


def check_refusals(verdict):
    check_bad_spikes(verdict)
    with Workspace() as work:
        spikes = work.path("spikes.h5")
        sonata.write_spikes(spikes, "P", [1.5, 2.5, 2.5, 2.5], [0, 1, 2, 1])
        check_bad_models(verdict, work, spikes)
        check_bad_options(verdict, work, spikes)
        check_bad_references(verdict, work, spikes)
        done = run_script("spike_statistics.py", spikes, "--from", "1", "--to", "2.6")
        verdict.check(done.returncode == 0 and "Warning" not in done.stderr,
                      f"a window shorter than a bin: {done.stderr.strip()[-80:]}")
        odd = work.path(r"$\frac{$.h5")
        sonata.write_spikes(odd, r"$\frac{$", [1.5], [0])
        done = run_script("picture.py", odd, "--to", "50", "--title", r"$\Phi$")
        verdict.check(done.returncode == 0, "a population's name is no formula" + done.stderr[-80:])


def main():
    verdict = Verdict()
    check_definitions(verdict)
    check_known_answers(verdict)
    check_files(verdict)
    check_output(verdict)
    check_refusals(verdict)
    verdict.finish()


if __name__ == "__main__":
    main()
