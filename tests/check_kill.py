#!/usr/bin/python3
"""A run can be killed (kill -9 of one rank or of all) at any moment, also while it writes a checkpoint:
restarted from the newest intact one, as often as it takes, it ends as the unbroken run. Until then
spikes.h5 holds all up to the time that it tells.

By default 8 kills; SHINKEI_LONG=1 does 100 (10 to 20 minutes).
"""
import os
import random
import shutil
import signal
import subprocess
import time

import h5py
import numpy as np

from program import SOURCE, TIMEOUT, Verdict, Workspace, command, run

MODEL = os.path.join(SOURCE, "tests", "models", "microcircuit_small.yaml")
LONG = os.environ.get("SHINKEI_LONG") == "1"
KILLS = 100 if LONG else 8
OPTIONS = ("--duration", 200, "--checkpoint-every", 4, "--set", "checkpoint.keep=3")
LIMIT = 60  # [s] in which a job of which a rank was killed must be over


def processes(folder):
    """Ids of the shinkei processes that work on a folder."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if words and words[0].endswith(b"shinkei") and folder.encode() in words:
            found.append(int(entry))
    return found


def kill_now(folder, everyone):
    found = processes(folder)
    for process in found if everyone else random.sample(found, min(1, len(found))):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return bool(found)


def is_writing(folder):
    return os.path.isdir(folder) and any(name.endswith(".part") for name in os.listdir(folder))


def wait_for_moment(folder, started, inside):
    """Until a checkpoint is being written; or some time after the start."""
    if not inside:
        time.sleep(random.uniform(0.2, 2.5))
    while inside and started.poll() is None and not is_writing(folder):
        time.sleep(0.0005)


def end_of(started, folder, hit):
    """What a job said, and its status; one that was hit must end by itself. About once in 60 kills Open
    MPI's own mpirun does not, its ranks being gone: it waits for ever in PMIx_server_finalize."""
    try:
        text, _ = started.communicate(timeout=LIMIT if hit else TIMEOUT)
    except subprocess.TimeoutExpired:
        if not hit or processes(folder):
            raise
        print("note    all ranks are gone, but mpirun hangs: ended here", flush=True)
        started.kill()
        text, _ = started.communicate()
    return text, started.returncode


def spikes_told(folder, end=None):
    """Spikes up to `end`, by default the time up to which the file says that it has all: {population:
    (times, nodes)}, end; or None, None where it was killed before the file was there."""
    try:
        with h5py.File(os.path.join(folder, "spikes.h5"), "r") as file:
            groups = file.get("spikes", {})
            if not groups:
                return None, None
            if end is None:
                end = min(group.attrs["end"] for group in groups.values())
            whole = {name: (group["timestamps"][:], group["node_ids"][:]) for name, group in groups.items()}
    except OSError:
        return None, None
    found = {}
    for name, (time, node) in whole.items():
        # A run that was killed as it wrote leaves the last chunk's place, empty or in part.
        sorted_until = np.flatnonzero(np.diff(time) < 0)
        count = np.searchsorted(time[:sorted_until[0] + 1] if len(sorted_until) else time, end, "right")
        found[name] = time[:count], node[:count]
    return found, end


def check_told(verdict, folder, straight):
    found, end = spikes_told(folder)
    if found is None:
        return False
    wanted, _ = spikes_told(straight, end)
    verdict.check(all(np.array_equal(found[name][k], wanted[name][k]) for name in wanted for k in (0, 1)),
                  f"the file of spikes of a killed run has all up to {end:g} ms, as it tells")
    return end > 0


def start(folder, ranks):
    from_there = any(name.startswith("checkpoint-") and name.endswith(".h5")
                     for name in os.listdir(folder)) if os.path.isdir(folder) else False
    how = ["--restart", folder] if from_there else ["--out", folder, "--overwrite"]
    return subprocess.Popen(command(["run", MODEL, *OPTIONS, *how], ranks),
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def main():
    verdict = Verdict()
    seed = int(os.environ.get("SEED", "0")) or random.randrange(1 << 30)
    random.seed(seed)
    print(f"SEED={seed}")
    with Workspace() as work:
        straight = run(MODEL, work.path("straight"), *OPTIONS)["spike_digest"]
        killed = inside = ended = told = 0
        folder = work.path("killed")
        while killed < KILLS:
            ranks = random.choice((1, 2, 3))
            within = random.random() < 0.6
            started = start(folder, ranks)
            wait_for_moment(folder, started, within)
            hit = kill_now(folder, random.random() < 0.5)
            text, status = end_of(started, folder, hit)
            if status == 0:
                ended += 1
                verdict.check(straight in text, f"after {killed} kills the run ends as unbroken")
                shutil.rmtree(folder)
                continue
            if not hit:
                verdict.check(False, f"the run ended by itself: {text}")
                break
            told += check_told(verdict, folder, work.path("straight"))
            killed += 1
            inside += within
        started = start(folder, 2)
        text, _ = started.communicate(timeout=TIMEOUT)
        verdict.check(started.returncode == 0 and straight in text,
                      f"killed {killed} times, {inside} of them inside the write, {ended + 1} runs "
                      f"ended: the end is that of the unbroken run" +
                      ("" if straight in text else text))
        verdict.check(told > 0, f"{told} of {killed} killed runs told of some time")
    verdict.finish()


if __name__ == "__main__":
    main()
