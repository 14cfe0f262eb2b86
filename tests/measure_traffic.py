#!/usr/bin/python3
"""Bytes that runs of the fly's optic lobe send on 2 to 32 ranks, by partition, beside the volume
that `shinkei partition` predicts. About ten minutes on two cores.

    SHINKEI=build/shinkei SHINKEI_SHARED=../shared tests/measure_traffic.py [MS]
"""
import json
import os
import sys

from check_invariance import optic_lobe
from program import Workspace, run

METHODS = ("metis", "round_robin")


def bytes_sent(model, out, ranks, method, duration):
    run(model, out, "--duration", duration, "--partition", method, ranks=ranks, threads=1)
    with open(os.path.join(out, "summary.json"), encoding="utf-8") as file:
        summary = json.load(file)
    return summary["bytes_sent"], summary["spikes"]


def main():
    duration = sys.argv[1] if len(sys.argv) > 1 else "50"
    with Workspace() as work:
        model = optic_lobe(work)
        if not model:
            sys.exit("the optic lobe's data are not here (SHINKEI_SHARED)")
        print("ranks  " + "".join(f"{method:>14}" for method in METHODS) + "     ratio")
        for ranks in (2, 4, 8, 16, 32):
            sent = []
            for method in METHODS:
                out = work.path(f"{method}_{ranks}")
                sent.append(bytes_sent(model, out, ranks, method, duration)[0])
            print(f"{ranks:5d}  " + "".join(f"{count:14d}" for count in sent)
                  + f"{sent[1] / sent[0]:10.2f}", flush=True)


if __name__ == "__main__":
    main()
