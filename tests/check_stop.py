#!/usr/bin/python3
"""A run that is asked to save or to end does so and goes on from there; what may not change at a restart
is refused by name, what may is taken."""
import itertools
import os
import re
import shutil
import signal
import subprocess
import time

import h5py
import numpy as np

from check_kill import processes
from program import SOURCE, Verdict, Workspace, command, run

MODEL = os.path.join(SOURCE, "tests", "models", "microcircuit_small.yaml")
LONG_RUN = ("--duration", 1e6)
END = 200  # [ms]


def checkpoints(folder):
    return sorted(name for name in os.listdir(folder) if name.endswith(".h5")
                  and name.startswith("checkpoint-")) if os.path.isdir(folder) else []


def wait_until(condition, seconds=60):
    last = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > last:
            return False
        time.sleep(0.05)
    return True


def start(folder, *options, ranks=1):
    """A run that has taken its first steps: it has saved by its own clock."""
    started = subprocess.Popen(command(["run", MODEL, "--out", folder, *LONG_RUN, *options], ranks),
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_until(lambda: checkpoints(folder) or started.poll() is not None)
    return started


def finish(started):
    text, _ = started.communicate(timeout=90)
    return started.returncode, text


def check_ends(verdict, work):
    """However it is asked to end: status 75, a checkpoint of that very moment, the summary says why."""
    for ranks in (1, 2):
        for name, act in (("SIGTERM", lambda f: os.kill(max(processes(f)), signal.SIGTERM)),
                          ("SIGINT", lambda f: os.kill(min(processes(f)), signal.SIGINT)),
                          ("the stop file", lambda f: open(os.path.join(f, "stop"), "w",
                                                           encoding="utf-8").close())):
            folder = work.path(f"{name.replace(' ', '-')}-{ranks}")
            started = start(folder, "--time-limit", "1000s", ranks=ranks)
            act(folder)  # a signal to one rank is enough
            status, text = finish(started)
            with open(os.path.join(folder, "summary.json"), encoding="utf-8") as file:
                summary = file.read()
            verdict.check(status == 75 and f"ended early by {name}" in summary,
                          f"{name}, {ranks} ranks: status {status}{'' if status == 75 else text}")
            newest = os.path.join(folder, checkpoints(folder)[-1])
            with h5py.File(newest, "r") as file:
                verdict.check(f"at {file.attrs['time_ms']:.9g} ms" in summary,
                              f"{name}, {ranks} ranks: saved at its end")
            if name == "the stop file":
                verdict.check(os.path.exists(os.path.join(folder, "stopped")),
                              "the stop file is used up")


def check_mpirun(verdict, work):
    """Signals to mpirun itself: SIGUSR2 reaches the ranks and gives 75; for SIGTERM it returns 1, so that
    scripts ask the summary."""
    for name, number, allowed in (("SIGUSR2", signal.SIGUSR2, (75,)),
                                  ("SIGTERM", signal.SIGTERM, (1, 75))):
        folder = work.path(f"mpirun-{name}")
        os.environ["OMPI_MCA_odls_base_sigkill_timeout"] = "6"
        started = start(folder, "--time-limit", "1000s", ranks=2)
        os.environ["OMPI_MCA_odls_base_sigkill_timeout"] = "0"
        started.send_signal(number)
        status, text = finish(started)
        with open(os.path.join(folder, "summary.json"), encoding="utf-8") as file:
            summary = file.read()
        newest = os.path.join(folder, checkpoints(folder)[-1])
        with h5py.File(newest, "r") as file:
            saved = f"at {file.attrs['time_ms']:.9g} ms" in summary
        verdict.check(status in allowed and f'"status": "ended early by {name}' in summary and saved,
                      f"{name} to mpirun: status {status}, saved at its end"
                      + ("" if status in allowed else text))


def check_time_limit(verdict, work):
    begun = time.monotonic()
    started = start(work.path("limit"), "--time-limit", "8s")
    status, text = finish(started)
    seconds = time.monotonic() - begun
    verdict.check(status == 75 and seconds < 10, f"--time-limit 8s: status {status} after {seconds:.1f} s"
                  + ("" if status == 75 else text))
    env = {**os.environ, "SLURM_JOB_END_TIME": str(int(time.time()) + 8)}
    begun = time.monotonic()
    done = subprocess.run(command(["run", MODEL, *LONG_RUN, "--out", work.path("slurm")]), env=env,
                          capture_output=True, text=True, timeout=60, check=False)
    seconds = time.monotonic() - begun
    verdict.check(done.returncode == 75 and seconds < 10,
                  f"what SLURM leaves, 8 s: status {done.returncode} after {seconds:.1f} s")


def check_save_and_go_on(verdict, work):
    folder = work.path("usr1")
    started = start(folder, "--time-limit", "1000s", "--set", "checkpoint.keep=9")
    before = len(checkpoints(folder))
    started.send_signal(signal.SIGUSR1)
    saved = wait_until(lambda: len(checkpoints(folder)) > before)
    verdict.check(saved and started.poll() is None, "SIGUSR1: it saves and goes on")
    started.send_signal(signal.SIGTERM)
    finish(started)


def restart(folder, *options, model=True):
    line = ["run", *([MODEL] if model else []), "--restart", folder, *options]
    return subprocess.run(command(line), capture_output=True, text=True, timeout=90, check=False)


def check_changes(verdict, work):
    wanted = run(MODEL, work.path("straight"), "--duration", END)
    half = work.path("half")
    run(MODEL, half, "--duration", END / 2, "--checkpoint-at-end")
    for options, words in ((("--seed", 7), ("simulation.seed: is 55", "7 in the model")),
                           (("--set", "simulation.precision=double"),
                            ("simulation.precision: is single", "double")),
                           (("--set", "populations.L4E.size=800"), ("populations.L4E.size: is 877", "800")),
                           (("--set", "simulation.dt=0.05"), ("simulation.dt: is 0.1", "0.05")),
                           (("--duration", END / 4), ("behind the end of the run", "50 ms"))):
        done = restart(half, *options)
        verdict.check(done.returncode == 2 and all(word in done.stderr for word in words)
                      and done.stderr.count("shinkei: error") == 1, f"refused: {done.stderr.strip()}")
    for name, options, model in (
            ("the model inside", ("--duration", END), False),
            ("another folder", ("--duration", END, "--out", work.path("elsewhere")), True),
            ("nothing recorded", ("--duration", END, "--set", "record.spikes=none"), True),
            ("other weights of the partition, other times of checkpoints",
             ("--duration", END, "--set", "populations.L4E.expected_rate=9", "--checkpoint-every", 30,
              "--set", "checkpoint.keep=1"), True)):
        folder = work.path("again")
        shutil.copytree(half, folder)
        done = restart(folder, *options, model=model)
        verdict.check(done.returncode == 0 and wanted["spike_digest"] in done.stdout,
                      f"taken: {name}" + ("" if done.returncode == 0 else done.stderr))
        shutil.rmtree(folder)


def write_edges(path, weight):
    """A ring of 60 neurons, each onto the next three."""
    source = np.repeat(np.arange(60, dtype=np.uint64), 3)
    target = (source + np.tile(np.arange(1, 4, dtype=np.uint64), 60)) % 60
    with h5py.File(path, "w") as file:
        group = file.create_group("edges/ring")
        for name, ids in (("source_node_id", source), ("target_node_id", target)):
            group[name] = ids
            group[name].attrs["node_population"] = "E"
        group["0/weight"] = weight
        group["edge_type_id"] = np.zeros(180, np.int64)


def write_spikes(path, node, step):
    with h5py.File(path, "w") as file:
        file["spikes/E/node_ids"] = node
        file["spikes/E/timestamps"] = 0.1 * step


def check_input_files(verdict, work):
    """What the model reads from files is part of it, however many ranks read them."""
    edges, given, folder = work.path("edges.h5"), work.path("given.h5"), work.path("ring")
    model = work.write_model("ring.yaml", {
        "simulation": {"duration": 50, "seed": 3},
        "populations": {"E": {"size": 60, "neuron": "iaf_psc_exp"}},
        "projections": [{"source": "E", "target": "E", "rule": "file", "file": edges,
                         "edges": "ring", "weight": {"attribute": "weight"}, "delay": 1.5}],
        "inputs": [{"target": "E", "type": "poisson", "rate": 9000, "weight": 90},
                   {"target": "E", "type": "spike_trains", "file": given, "weight": 300}],
        "checkpoint": {"every_ms": 20}})
    weight, node, step = np.linspace(20.0, 300.0, 180), np.arange(120) % 60, np.arange(120) * 4
    write_edges(edges, weight)
    write_spikes(given, node, step)
    wanted = run(model, folder, ranks=2)
    with h5py.File(os.path.join(folder, "spikes.h5")) as file:
        spikes = file["spikes/E/node_ids"].size
    verdict.check(spikes > 50, f"edges and spikes in files: {spikes} spikes")
    one, heavier = np.arange(120) == 77, weight + 1e-9 * (np.arange(180) == 77)
    for name, key, other in (
            ("the weight of one edge", "projections.0.file: " + edges, (heavier, node, step)),
            ("the order of the edges", "projections.0.file: " + edges, (weight[::-1], node, step)),
            ("the step of one spike", "inputs.1.file: " + given, (weight, node, step + one)),
            ("the neuron of one spike", "inputs.1.file: " + given, (weight, node + one, step)),
            ("one spike less", "inputs.1.file: " + given, (weight, node[1:], step[1:]))):
        write_edges(edges, other[0])
        write_spikes(given, *other[1:])
        for ranks in (1, 2):
            line = command(["run", model, "--restart", folder], ranks)
            done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
            with h5py.File(os.path.join(folder, "spikes.h5")) as file:
                left = file["spikes/E/node_ids"].size
            verdict.check(done.returncode == 2 and key + " holds other " in done.stderr and left == spikes,
                          f"{ranks} ranks: {name} is another: refused, the record left as it is")
    write_edges(edges, weight)
    write_spikes(given, node[::-1], step[::-1])
    done = subprocess.run(command(["run", model, "--restart", folder], 3), capture_output=True,
                          text=True, timeout=60, check=False)
    verdict.check(done.returncode == 0 and wanted["spike_digest"] in done.stdout,
                  "the same edges and spikes, written anew: taken" + done.stderr)


def check_going_back(verdict, work):
    """Who goes back to an older checkpoint leaves none behind that belongs to spikes that are cut."""
    model = work.write_model("back.yaml", {
        "simulation": {"duration": 20, "seed": 1},
        "populations": {"E": {"size": 5, "neuron": "iaf_psc_exp", "parameters": {"I_e": 900}}},
        "record": {"traces": [{"population": "E", "variables": ["V_m"], "interval": 0.5}]},
        "checkpoint": {"every_ms": 5, "keep": 10}})
    folder, first = work.path("back"), "checkpoint-000000000000050.h5"

    def again(*options, ranks=1):
        line = command(["run", model, "--restart", *options], ranks)
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)

    def recorded():
        with h5py.File(os.path.join(folder, "spikes.h5")) as file:
            return file["spikes/E/timestamps"][:], file["spikes/E/node_ids"][:]

    wanted = run(model, folder, "--set", "record.spikes=[{population: E, nodes: 0}]")
    before = checkpoints(folder), len(recorded()[0])
    done = again(os.path.join(folder, first), "--set", "record.traces.0.interval=1")
    verdict.check(done.returncode == 3 and "choose a new folder" in done.stderr
                  and (checkpoints(folder), len(recorded()[0])) == before,
                  f"refused before anything is cut: {done.stderr.strip()}")
    done = again(os.path.join(folder, first), "--duration", 18, ranks=2)
    left = checkpoints(folder)
    verdict.check(done.returncode == 0 and "3 later checkpoints are now named" in done.stderr
                  and "checkpoint-000000000000150.h5.undone" in os.listdir(folder),
                  f"later ones are set aside, then written anew: {left}, {done.stderr.strip()}")
    done = again(folder)
    times, nodes = recorded()
    verdict.check(done.returncode == 0 and wanted["spike_digest"] in done.stdout
                  and len(times) == wanted["spikes"] and set(nodes) == set(range(5)),
                  f"and no spike is lost: {len(times)} of {wanted['spikes']} {done.stderr}")
    again(os.path.join(folder, first), "--duration", 12)
    done = again(folder)
    verdict.check(done.returncode == 0 and len(recorded()[0]) == wanted["spikes"],
                  "the folder goes on from where it went back to" + done.stderr)
    done = again(os.path.join(folder, "checkpoint-000000000000150.h5.undone"), "--out",
                 work.path("other"))
    verdict.check(done.returncode == 0 and wanted["spike_digest"] in done.stdout,
                  "what was set aside can be named, for another folder" + done.stderr)


def check_other_traces(verdict, work):
    """Traces are not continued by others, nor by none: they would contradict what the run leaves."""
    model = work.write_model("traces.yaml", {
        "simulation": {"duration": 20, "seed": 1},
        "populations": {name: {"size": 4, "neuron": "iaf_psc_exp"} for name in "EI"},
        "record": {"traces": [{"population": "E", "variables": ["V_m"], "interval": 1}]},
        "checkpoint": {"every_ms": 0.5, "keep": 99}})
    folder = work.path("traces")
    path = os.path.join(folder, "traces.h5")
    run(model, folder)
    with open(path, "rb") as file:
        before = file.read()
    none = ("record.traces=[]", "records no traces")
    for step, (setting, words) in itertools.product((5, 100), (
            none, ("record.traces.0.population=I", "holds reports that the model does not"),
            ("record.traces.0.variables=[I_syn_ex]", "other ones than the model's"),
            ("record.traces.0.nodes=[0, 1]", "has other columns"), ("record.traces.0.interval=2", "every 2 ms"),
            ("record.traces=[{population: E, variables: [V_m], interval: 1}, {population: I, "
             "variables: [V_m], interval: 1}]", "has 1 reports, now there are 2"))):
        for ranks in (1, 2):
            line = command(["run", model, "--restart", os.path.join(folder, f"checkpoint-{step:015d}.h5"),
                            "--duration", 15, "--set", setting], ranks)
            done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
            with open(path, "rb") as file:
                same = file.read() == before
            verdict.check(done.returncode == 3 and words in done.stderr and "folder" in done.stderr
                          and done.stderr.count("shinkei: error") == 1 and same,
                          f"{ranks} ranks, step {step}: refused: {setting}: {done.stderr.strip()}")
    done = subprocess.run(command(["run", model, "--restart", folder, "--set", none[0], "--out",
                                   work.path("no-traces")]), capture_output=True, text=True, check=False)
    verdict.check(done.returncode == 0 and not os.path.exists(os.path.join(work.path("no-traces"), "traces.h5")),
                  "in another folder there may be none" + done.stderr)


def check_summary(verdict, work):
    """What checkpoints cost, and the model that they belong to."""
    folder = work.path("cost")
    summary = run(MODEL, folder, "--duration", 20, "--checkpoint-every", 5, "--set",
                  "checkpoint.keep=1")
    cost, last = summary["checkpoints"], os.path.join(folder, checkpoints(folder)[-1])
    verdict.check(last.endswith("200.h5"), f"at the end of the run too, where the interval ends there: {last}")
    verdict.check(cost["saved"] == 4 and cost["failed"] == 0
                  and cost["bytes"] == os.path.getsize(last)
                  and 0 < cost["seconds"] <= cost["seconds_max"] < 20, f"what they cost: {cost}")
    with h5py.File(last) as file:
        verdict.check(file.attrs["model_hash"].decode() == summary["model_hash"],
                      f"the model's hash is the same in both: {summary['model_hash']}")
    done = restart(folder, "--duration", 20, "--checkpoint-every", 5, "--out", work.path("at-the-end"))
    verdict.check(done.returncode == 0 and not checkpoints(work.path("at-the-end")),
                  "where nothing was simulated none is saved" + done.stderr)
    summary = run(MODEL, work.path("no-cost"), "--duration", 5)
    verdict.check(summary["checkpoints"] == {"saved": 0, "failed": 0, "bytes": 0, "seconds": None,
                                             "seconds_max": None}, "none: none")


def check_one_run_a_folder(verdict, work):
    """While a run writes to a folder no other does; one that was killed is in nobody's way, and what it
    leaves does not look whole."""
    folder = work.path("shared")
    run(MODEL, folder, "--duration", 5, "--checkpoint-at-end")
    for ranks in (1, 2):
        going = subprocess.Popen(command(["run", "--restart", folder, *LONG_RUN], ranks),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: not os.path.exists(os.path.join(folder, "summary.json")))
        for others in (("--restart", folder), (MODEL, "--out", folder, "--overwrite")):
            done = subprocess.run(command(["run", *others]), capture_output=True, text=True, check=False)
            verdict.check(done.returncode == 2 and "another run writes there (process" in done.stderr,
                          f"beside {ranks} ranks: {done.stderr.strip()}")
        for rank in processes(folder):
            os.kill(rank, signal.SIGKILL)
        going.wait()
        verdict.check(not os.path.exists(os.path.join(folder, "summary.json")),
                      f"{ranks} ranks were killed: there is no summary of the run before")
        done = restart(folder, "--duration", 10)
        verdict.check(done.returncode == 0 and {"effective.yaml", "spikes.h5", "summary.json"} == {
            name for name in os.listdir(folder) if not name.startswith("checkpoint")},
                      "the next one goes on" + done.stderr)


def check_refusals(verdict, work):
    half = work.path("half")
    copy = work.path("version.h5")
    with open(os.path.join(half, checkpoints(half)[0]), "rb") as file:
        data = file.read()
    with open(copy, "wb") as file:
        file.write(re.sub(rb"^shinkei checkpoint \d+\n", b"shinkei checkpoint 1\n", data))
    for path, words in ((copy, "is of version 1"), (work.path("none"), "cannot be read"),
                        (os.path.join(half, "spikes.h5"), "is no checkpoint"),
                        (work.path("straight"), "no checkpoint is in it")):
        done = restart(path)
        verdict.check(done.returncode == 2 and words in done.stderr, f"refused: {done.stderr.strip()}")
    done = subprocess.run(command(["run", MODEL, "--out", half]), capture_output=True, text=True,
                          check=False)
    verdict.check(done.returncode == 2 and "--overwrite" in done.stderr,
                  f"not overwritten: {done.stderr.strip()}")
    for option, value in (("--time-limit", "soon"), ("--time-limit", "-3s"), ("--time-limit", "1:99"),
                          ("--watchdog", "x"), ("--checkpoint-every", "0.05")):
        done = subprocess.run(command(["run", MODEL, option, value, "--out", work.path("bad")]),
                              capture_output=True, text=True, check=False)
        verdict.check(done.returncode == 2 and value in done.stderr, f"refused: {done.stderr.strip()}")


def main():
    verdict = Verdict()
    with Workspace() as work:
        check_changes(verdict, work)
        check_input_files(verdict, work)
        check_going_back(verdict, work)
        check_other_traces(verdict, work)
        check_summary(verdict, work)
        check_one_run_a_folder(verdict, work)
        check_refusals(verdict, work)
        check_save_and_go_on(verdict, work)
        check_ends(verdict, work)
        check_mpirun(verdict, work)
        check_time_limit(verdict, work)
    verdict.finish()


if __name__ == "__main__":
    main()
