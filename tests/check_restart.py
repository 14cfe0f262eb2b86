#!/usr/bin/python3
"""A run that is saved and goes on from there, on other ranks, threads and partitions, leaves what the
unbroken run leaves: the same spike digest, the same data in
spikes.h5, the same final state.

By default a sample of the pairs (saved on, restarted on); SHINKEI_LONG=1 takes all 64 pairs on both
models, which needs 10 to 20 minutes.
"""
import itertools
import os
import subprocess

import yaml

from program import SOURCE, Verdict, Workspace, command, record_of, run, same_record

MICROCIRCUIT = os.path.join(SOURCE, "tests", "models", "microcircuit_small.yaml")
WAYS = list(itertools.product((1, 2, 3, 4), (1, 2)))  # (ranks, threads)
LONG = os.environ.get("SHINKEI_LONG") == "1"


def optic_lobe(work):
    """The fly's optic lobe under its own Poisson input; None where there are no data."""
    folder = os.environ.get("SHINKEI_SHARED") or os.path.join(SOURCE, "..", "shared")
    data = os.path.abspath(os.path.join(folder, "data", "fly_optic_lobe"))
    if not os.path.exists(data):
        return None
    line = ["/usr/bin/python3", os.path.join(SOURCE, "jobs", "fly", "make_model.py"), "--edges",
            os.path.join(data, "network", "ol_ol_edges.h5"), "--neurons", "45669",
            "--drive", ",".join(map(str, range(0, 400, 4))), "--rate", "150", "--duration", "100"]
    text = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    return work.write_model("optic_lobe.yaml", yaml.safe_load(text))


def partition_of(way):
    return "metis" if (way[0] + way[1]) % 2 else "round_robin"


def pairs_of(count):
    """Pairs of ways, each way saved on and restarted on about equally often."""
    if LONG:
        return list(itertools.product(WAYS, WAYS))
    return [(WAYS[i % 8], WAYS[(3 * i + 5) % 8]) for i in range(count)]


def final(folder, step):
    return os.path.join(folder, f"checkpoint-{step:015d}.h5")


def check_same_state(verdict, a, b, text):
    done = subprocess.run(command(["diff", a, b]), capture_output=True, text=True, check=False)
    verdict.check(done.returncode == 0, f"{text}: the same final state {done.stdout}{done.stderr}")


def check_model(verdict, work, name, model, half, count):
    """half [ms] of 2 x half."""
    steps = round(2 * half / 0.1)
    straight = work.path(f"{name}-straight")
    wanted = run(model, straight, "--duration", 2 * half, "--checkpoint-at-end")
    verdict.check(wanted["spikes"] > 100, f"{name}: {wanted['spikes']} spikes to compare")
    saved = {}
    for before, after in pairs_of(count):
        if before not in saved:
            saved[before] = work.path(f"{name}-{before[0]}x{before[1]}")
            run(model, saved[before], "--duration", half, "--checkpoint-at-end", "--partition",
                partition_of(before), ranks=before[0], threads=before[1])
        other = "round_robin" if partition_of(before) == "metis" else "metis"
        folder = work.path("again")
        subprocess.run(["rm", "-rf", folder], check=True)
        subprocess.run(["cp", "-r", saved[before], folder], check=True)
        found = run(model, folder, "--restart", folder, "--duration", 2 * half,
                    "--checkpoint-at-end", "--partition", other, ranks=after[0], threads=after[1])
        text = f"{name}: saved on {before[0]} x {before[1]}, restarted on {after[0]} x {after[1]}"
        verdict.check(found["spike_digest"] == wanted["spike_digest"]
                      and found["biological_ms"] == wanted["biological_ms"],
                      f"{text}: digest {found['spike_digest']}")
        verdict.check(same_record(record_of(folder), record_of(straight)),
                      f"{text}: the same data in spikes.h5")
        check_same_state(verdict, final(folder, steps), final(straight, steps), text)


def main():
    verdict = Verdict()
    with Workspace() as work:
        check_model(verdict, work, "microcircuit", MICROCIRCUIT, 50, 8)
        lobe = optic_lobe(work)
        if lobe:
            check_model(verdict, work, "optic lobe", lobe, 50, 4)
        else:
            print("skipped: the optic lobe, whose data are not here (SHINKEI_SHARED)")
    verdict.finish()


if __name__ == "__main__":
    main()
