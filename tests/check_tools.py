#!/usr/bin/python3
"""The tools under jobs/ refuse wrong files and options with one line that names what is wrong, and
write nothing then."""
import os
import subprocess
import sys

from program import SOURCE, Verdict

GENERATOR = os.path.join(SOURCE, "jobs", "microcircuit", "generate.py")


def refuses(verdict, tool, words, *arguments):
    """`words`: what the message names."""
    done = subprocess.run([sys.executable, tool, *map(str, arguments)], capture_output=True, text=True,
                          check=False)
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    verdict.check(done.returncode in (1, 2) and words in last and not done.stdout
                  and "Traceback" not in done.stderr, f"{os.path.basename(tool)}: {last}"[:170])


def check_generator(verdict):
    for words, *arguments in (
            ("--scale: 1e-09 leaves none of the 20683 neurons of L23E", "--scale", "1e-9"),
            ("--scale: 0.0004 leaves none of the 1065 neurons of L5I", "--scale", "0.0004"),
            ("--scale-indegree: 1e-09 leaves none", "--scale-indegree", "1e-9"),
            ("--dt: '0' is out of range", "--dt", "0"), ("--dt: 'nan'", "--dt", "nan"),
            ("--dt: '0.8' is out of range", "--dt", "0.8"),
            ("--duration: 1000 ms is no multiple of --dt", "--dt", "0.3"),
            ("--duration: '-1' is out of range", "--duration", "-1"),
            ("--duration: 'nan'", "--duration", "nan"), ("--seed: '-1'", "--seed", "-1"),
            ("--warm-up: '-1'", "--warm-up", "-1"), ("--warm-up: 'inf'", "--warm-up", "inf")):
        refuses(verdict, GENERATOR, words, *arguments)


def main():
    verdict = Verdict()
    check_generator(verdict)
    verdict.finish()


if __name__ == "__main__":
    main()
