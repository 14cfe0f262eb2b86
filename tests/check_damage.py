#!/usr/bin/python3
"""A damaged checkpoint is never taken: a flipped byte or a missing end is refused with a message, or the
older checkpoint is taken and the run ends as the unbroken one. No crash, no hang, no wrong result.

By default 50 flips and 10 truncations; SHINKEI_LONG=1 does 1,000 and 100 (about 7 minutes).
"""
import os
import random
import shutil
import subprocess

from program import SOURCE, Verdict, Workspace, command, run

MODEL = os.path.join(SOURCE, "tests", "models", "microcircuit_small.yaml")
LONG = os.environ.get("SHINKEI_LONG") == "1"
FLIPS, TRUNCATIONS = (1000, 100) if LONG else (50, 10)
OPTIONS = ("--duration", 20, "--set", "populations.L4E.size=50")


def checkpoint(folder, step):
    return os.path.join(folder, f"checkpoint-{step:015d}.h5")


def is_refused(path, name):
    """`shinkei info` and a restart from the file both say so."""
    for arguments in (["info", path], ["run", "--restart", path, "--out", path + ".out"]):
        done = subprocess.run(command(arguments), capture_output=True, text=True, timeout=60,
                              check=False)
        if done.returncode != 2 or f"shinkei: error: {path}:" not in done.stderr:
            print(f"{name}: {arguments[0]}: status {done.returncode}: {done.stdout}{done.stderr}")
            return False
        if not name.startswith("flip 0") and not name.endswith("0"):
            break  # the restart is tried now and then; it takes the same way
    return True


def damage_all(path, whole, count, damage):
    refused = 0
    for i in range(count):
        name, data = damage(i, bytearray(whole))
        with open(path, "wb") as file:
            file.write(data)
        refused += is_refused(path, name)
    return refused


def flip(i, data):
    at = i if i < 40 else random.randrange(len(data))  # the first bytes are the seal
    data[at] ^= 1 << random.randrange(8)
    return f"flip {i} at {at}", data


def truncate(i, data):
    return f"truncation {i}", data[:random.randrange(len(data))]


def main():
    verdict = Verdict()
    seed = int(os.environ.get("SEED", "0")) or random.randrange(1 << 30)
    random.seed(seed)
    print(f"SEED={seed}")
    with Workspace() as work:
        wanted = run(MODEL, work.path("whole"), *OPTIONS, "--checkpoint-every", 5)
        newest, older = checkpoint(work.path("whole"), 200), checkpoint(work.path("whole"), 150)
        with open(newest, "rb") as file:
            whole = file.read()
        path = work.path("damaged.h5")
        found = damage_all(path, whole, FLIPS, flip)
        verdict.check(found == FLIPS, f"{found} of {FLIPS} flipped bits are refused")
        found = damage_all(path, whole, TRUNCATIONS, truncate)
        verdict.check(found == TRUNCATIONS, f"{found} of {TRUNCATIONS} truncations are refused")

        for name, ranks in (("alone", 1), ("on two ranks", 2)):
            folder = work.path(f"folder{ranks}")
            shutil.copytree(work.path("whole"), folder)
            with open(checkpoint(folder, 200), "wb") as file:
                file.write(flip(99, bytearray(whole))[1])
            line = command(["run", MODEL, *OPTIONS, "--restart", folder], ranks)
            done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
            verdict.check(done.returncode == 0 and done.stderr.count(checkpoint(folder, 200)) == 1
                          and wanted["spike_digest"] in done.stdout,
                          f"{name}: the older one is taken, the damaged one named, the end the same"
                          + ("" if done.returncode == 0 else done.stdout + done.stderr))
        for step in (150, 200):
            with open(checkpoint(work.path("folder1"), step), "wb") as file:
                file.write(whole[:5000])
        done = subprocess.run(command(["run", "--restart", work.path("folder1")]),
                              capture_output=True, text=True, timeout=60, check=False)
        verdict.check(done.returncode == 2 and "none of the checkpoints" in done.stderr,
                      "where none is intact the run is refused")
        verdict.check(os.path.exists(older), "the whole ones are still there")
    verdict.finish()


if __name__ == "__main__":
    main()
