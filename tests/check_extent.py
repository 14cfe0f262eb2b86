#!/usr/bin/python3
"""spikes.h5 tells from when to when, and of whom, it holds every spike: after a warm-up, an early end, a
restart in another folder or with other neurons recorded; and all that reads it goes by that."""
import json
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np

from program import SOURCE, Verdict, Workspace, command, run

sys.path.insert(0, os.path.join(SOURCE, "analysis"))
import spike_statistics

NODES, RECORDED = [*range(10), 15], ["0-9", 15]
BEGIN, HALF, END = 100.0, 250.0, 400.0  # [ms]


def model(nodes):
    initial = {"V_m": {"uniform": {"low": -65, "high": -51}}}
    return {
        "simulation": {"dt": 0.1, "duration": END - BEGIN, "warm_up": BEGIN, "seed": 3},
        "populations": {
            "E": {"size": 80, "neuron": "iaf_psc_exp", "parameters": {"I_e": 500}, "initial": initial},
            "silent": {"size": 5, "neuron": "iaf_psc_exp"}},
        "record": {"spikes": [{"population": "E", "nodes": nodes}, {"population": "silent"}]},
    }


def told(folder):
    """{population: (neurons, recorded, begin, end)} of the file, and spikes of E as (time, node)."""
    with h5py.File(os.path.join(folder, "spikes.h5")) as file:
        groups = file["spikes"]
        return ({name: tuple(group.attrs[key] for key in ("neurons", "recorded", "begin", "end"))
                 for name, group in groups.items()},
                (groups["E/timestamps"][:], groups["E/node_ids"][:]))


def check_told(verdict, words, folder, expected, truth):
    """`expected`: what is told of E. Then all spikes of that stand there."""
    found, (time, node) = told(folder)
    neurons, recorded, begin, end = expected
    verdict.check(found["E"] == expected and found["silent"][2:] == (found["silent"][2], end),
                  f"{words}: {found}")
    nodes = np.arange(80) if recorded == "all" else NODES
    inside = (truth[0] > begin) & (truth[0] <= end) & np.isin(truth[1], nodes)
    here = (time > begin) & (time <= min(end, END))
    verdict.check(inside.sum() > 20 and np.array_equal(truth[0][inside], time[here])
                  and np.array_equal(truth[1][inside], node[here]),
                  f"{words}: all {inside.sum()} spikes of that are in it")


def check_statistics(verdict, folder, begin, end, truth):
    spikes = os.path.join(folder, "spikes.h5")
    sizes, _, *window = spike_statistics.read_model(spikes)
    populations = spike_statistics.read_spikes(spikes, sizes)
    verdict.check(spike_statistics.window_of(populations, *window, None, None)[1:] == (begin, end),
                  f"statistics are of {begin:g} to {end:g} ms, not of the model's {window}")
    of = {p.name: spike_statistics.describe(p, begin, end) for p in populations}
    rate = ((truth[0] > begin) & (truth[0] <= end) & np.isin(truth[1], NODES)).sum() / (end - begin) * 1e3
    verdict.check(of["E"]["neurons"] == len(NODES) and of["E"]["silent"] == 0
                  and abs(of["E"]["rate"] - rate / len(NODES)) < 1e-9 and of["silent"]["rate"] == 0,
                  f"rates are of the {len(NODES)} neurons recorded: {of['E']['rate']:.2f} Hz")


def shinkei(*arguments):
    done = subprocess.run(command(list(arguments)), capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def check_phi(verdict, folder, begin, end):
    spikes = os.path.join(folder, "spikes.h5")
    found = json.loads(subprocess.run(
        command(["phi", "--spikes", spikes, "--nodes", "E:0-2", "--bin", 5, "--measures", "SI"]),
        capture_output=True, text=True, check=True).stdout)
    pairs = round((end - begin) / 5) - 1
    verdict.check(found["begin"] == begin and found["coverage"]["pairs"] == pairs,
                  f"phi takes what was recorded, {pairs} pairs of bins, and no silence before or after")
    said = shinkei("phi", "--spikes", spikes, "--nodes", "silent:0-1", "--allow-silent", "--measures", "SI")
    verdict.check('"begin"' in said, "phi of neurons that never fire needs no --begin and --end")


def check_refusals(verdict, folder):
    """Of "0-9,15" of E and all of `silent`, from 250 to 400 ms."""
    spikes = os.path.join(folder, "spikes.h5")
    phi = ["phi", "--spikes", spikes, "--bin", 5, "--measures", "SI", "--nodes"]
    for words, *arguments in (
            ("node 20 of population 'E' was not recorded", *phi, "E:0,20"),
            ("node 20 of population 'E' was not recorded", *phi, "E:0,20", "--allow-silent"),
            ("node 5 of population 'silent' was not recorded", *phi, "silent:0,5", "--allow-silent"),
            ("from 240 to 400 ms: the chosen neurons were recorded together from 250 to 400 ms", *phi, "E:0-2",
             "--begin", 240),
            ("from 250 to 500 ms", *phi, "E:0-2", "--end", 500)):
        said = shinkei(*arguments)
        verdict.check(words in said, f"phi refuses: {said.strip().splitlines()[-1]}")
    for script in ("spike_statistics.py", "picture.py"):
        for window in (("--from", "0"), ("--to", "3000")):
            done = subprocess.run([sys.executable, os.path.join(SOURCE, "analysis", script), spikes, *window],
                                  capture_output=True, text=True, check=False)
            verdict.check(done.returncode == 1 and "was not recorded; recorded are E from 250 to 400 ms" in
                          done.stderr, f"{script} {' '.join(window)}: {done.stderr.strip()}")


def check_damage(verdict, spikes, work):
    for name, value in (("recorded", 5), ("recorded", "0-9-15"), ("recorded", "0-3,2-5"), ("recorded", "7-80"),
                        ("neurons", np.inf), ("neurons", [80, 81]), ("neurons", -1), ("begin", [0.0, 1.0]),
                        ("end", np.inf), ("end", "late")):
        damaged = shutil.copy(spikes, work.path("damaged.h5"))
        with h5py.File(damaged, "r+") as file:
            del file["spikes/E"].attrs[name]
            file["spikes/E"].attrs[name] = value
        said = shinkei("phi", "--spikes", damaged, "--nodes", "E:0-2", "--measures", "SI")
        try:
            spike_statistics.read_spikes(damaged)
            message = "nothing is refused"
        except SystemExit as refusal:
            message = str(refusal)
        verdict.check(f"attribute {name}" in said and f"attribute {name}" in message and "\n" not in message,
                      f"{name} {value!r}: {said.strip()}; {message}")


def check_changes(verdict, work, some, everyone, truth):
    """Who is recorded changes from restart to restart, in one folder."""
    only_silent = work.write_model("only.yaml", {**model("all"), "record": {"spikes": [{"population": "silent"}]}})
    here, folder = work.path("changes"), ["--restart", work.path("changes")]

    def go(file, until):
        run(file, here, *(folder if os.path.exists(here) else []), "--duration", until - BEGIN,
            "--checkpoint-at-end", "--set", "checkpoint.keep=9")

    go(everyone, 200)
    go(only_silent, 250)
    verdict.check(told(here)[0]["E"][2:] == (BEGIN, 200), f"who is not recorded any more is told until then {told(here)[0]}")
    done = subprocess.run([sys.executable, os.path.join(SOURCE, "analysis", "spike_statistics.py"),
                           os.path.join(here, "spikes.h5"), "--from", "210"], capture_output=True, text=True,
                          check=False)
    verdict.check(done.returncode == 0 and "left out: E from 100 to 200 ms" in done.stderr
                  and "silent" in done.stdout, f"a population that was not recorded then is left out {done.stderr}")
    go(everyone, 300)
    check_told(verdict, "recorded again", here, (80, "all", 250, 300), truth)
    run(everyone, here, "--restart", os.path.join(here, "checkpoint-000000000002000.h5"), "--duration", 130)
    check_told(verdict, "recorded again, from before", here, (80, "all", 200, 230), truth)
    run(work.write_model("none.yaml", model([])), work.path("none"))
    with h5py.File(work.path("none/spikes.h5")) as file:
        verdict.check(file["spikes/E"].attrs["recorded"] == "", "no neuron of a population is recorded: said")
    check_silence = spike_statistics.read_spikes(work.path("none/spikes.h5"))
    verdict.check([len(p.recorded) for p in check_silence] == [0, 5], "and read")
    verdict.check("none of 80 neurons" in shinkei("info", work.path("none/spikes.h5")), "and told")


def check_no_room(verdict, work, some, everyone):
    """A restart that has no room to tell of other neurons cuts nothing."""
    here = work.path("room")
    run(everyone, here, "--duration", HALF - BEGIN, "--checkpoint-at-end")
    run(everyone, here, "--restart", here)
    before, size = told(here), os.path.getsize(os.path.join(here, "spikes.h5"))
    line = command(["run", some, "--restart", os.path.join(here, "checkpoint-000000000002500.h5"), "--out", here])
    done = subprocess.run(["bash", "-c", 'ulimit -f "$0" && exec "$@"', str(size // 1024), *line],
                          capture_output=True, text=True, check=False, timeout=60)
    verdict.check(done.returncode == 3 and "no room for" in done.stderr, f"no room: {done.stderr.strip()[:120]}")
    after = told(here)
    verdict.check(np.array_equal(before[1], after[1]) and after[0]["E"][:3] == before[0]["E"][:3],
                  f"nothing is cut: {after[0]}")


def main():
    verdict = Verdict()
    with Workspace() as work:
        some, everyone = work.write_model("some.yaml", model(RECORDED)), work.write_model("all.yaml", model("all"))
        run(everyone, work.path("truth"))
        truth = told(work.path("truth"))[1]
        check_told(verdict, "everyone", work.path("truth"), (80, "all", BEGIN, END), truth)
        run(some, work.path("a"), ranks=3)
        check_told(verdict, "after a warm-up", work.path("a"), (80, "0-9,15", BEGIN, END), truth)
        check_statistics(verdict, work.path("a"), BEGIN, END, truth)
        check_phi(verdict, work.path("a"), BEGIN, END)
        said = shinkei("info", work.path("a/spikes.h5"))
        rate = len(told(work.path("a"))[1][0]) / len(NODES) / 0.3
        verdict.check("E: recorded from 100 to 400 ms, 0-9,15 of 80 neurons" in said
                      and f"at {rate:.4g} Hz on average over 0.3 s" in said, "info says it in words: " + said)

        run(some, work.path("b"), "--duration", HALF - BEGIN, "--checkpoint-at-end")
        check_told(verdict, "half", work.path("b"), (80, "0-9,15", BEGIN, HALF), truth)
        run(some, work.path("c"), "--restart", work.path("b"), ranks=2)
        check_told(verdict, "restarted elsewhere", work.path("c"), (80, "0-9,15", HALF, END), truth)
        check_statistics(verdict, work.path("c"), HALF, END, truth)
        check_phi(verdict, work.path("c"), HALF, END)
        check_refusals(verdict, work.path("c"))
        check_damage(verdict, work.path("c/spikes.h5"), work)
        check_changes(verdict, work, some, everyone, truth)
        check_no_room(verdict, work, some, everyone)
        run(everyone, work.path("b"), "--restart", work.path("b"))
        check_told(verdict, "restarted with all recorded", work.path("b"), (80, "all", HALF, END), truth)
        verdict.check(told(work.path("b"))[0]["silent"][2] == BEGIN, "who was recorded before still is")

        only = work.write_model("only.yaml", {**model("all"), "record": {"spikes": [{"population": "silent"}]}})
        run(only, work.path("e"), "--duration", HALF - BEGIN, "--checkpoint-at-end")
        run(everyone, work.path("e"), "--restart", work.path("e"))
        check_told(verdict, "restarted with more populations recorded", work.path("e"), (80, "all", HALF, END), truth)
        stopped = subprocess.run(
            command(["run", some, "--out", work.path("d"), "--duration", 1e8, "--time-limit", "3s"]),
            capture_output=True, check=False)
        verdict.check(stopped.returncode == 75, "a run is stopped early")
        with open(work.path("d/summary.json"), encoding="utf-8") as file:
            reached = json.load(file)["biological_ms"]
        check_told(verdict, "stopped early", work.path("d"), (80, "0-9,15", BEGIN, reached), truth)
    verdict.finish()


if __name__ == "__main__":
    main()
