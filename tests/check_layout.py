#!/usr/bin/python3
"""The house is in order: includes follow the data flow, mpi.h, hdf5.h and metis.h stay where they
belong, the code is formatted, and compiled with its prefetching and without wide vectors. (That it has no warning the builds
say: the tested one is of gcc, that of check_sanitizers.sh of clang.)"""
import os
import platform
import re
import shutil
import subprocess
import sys

from program import BINARY, SOURCE, Verdict

# The way of the data. A module may include its own header and those to the left of it; those in one
# group may include each other; FOUNDATIONS may be included by all.
FLOW = [{"neuron"}, {"model"}, {"directory"}, {"network"}, {"partition"},
        {"synapse", "input", "exchange", "refractory", "shard"}, {"record", "learn"},
        {"watchdog", "stop"}, {"step"}, {"checkpoint"}, {"summary", "memory"}, {"info"}, {"run"},
        {"perturb"}, {"command", "commands"}, {"main"}]
FOUNDATIONS = {"check", "agree", "random", "vector", "barrier", "machine", "task_counter",
               "hdf5_file"}
# The measure of integration reads arrays and files, never the simulator.
ANALYSIS_MAY_USE = FOUNDATIONS
# Who may include a library's header: modules, and whole folders where a name ends in "/".
LIBRARY_HEADERS = {
    "metis.h": {"partition/"},
    "hdf5.h": {"record", "checkpoint", "network", "partition", "input", "info", "phi", "analysis/",
               "perturb", "hdf5_file"},
    "mpi.h": {"agree", "directory", "network", "partition", "synapse", "shard", "exchange", "input",
              "record", "checkpoint", "step", "run", "perturb", "command", "commands", "main", "summary",
              "memory", "watchdog", "stop", "info", "machine", "phi", "analysis/",
              "task_counter", "hdf5_file"},
}
HDF5_FILES = re.compile(r"(file|record|checkpoint|trace|info|input)")  # in the name of the file


def source_files(*folders, ends=(".c", ".h")):
    for folder in folders:
        for path, _, names in os.walk(os.path.join(SOURCE, folder)):
            for name in sorted(names):
                if name.endswith(ends):
                    yield os.path.relpath(os.path.join(path, name), SOURCE)


def module_names():
    """The modules: every header of include/."""
    return {os.path.splitext(os.path.basename(path))[0] for path in source_files("include")}


def module_of(path, modules):
    """Module of a file: record_sort.c belongs to record, the longest name that fits wins."""
    stem = os.path.splitext(os.path.basename(path))[0]
    fitting = [name for name in modules if stem == name or stem.startswith(name + "_")]
    if fitting:
        return max(fitting, key=len)
    folder = path.split(os.sep)[0]
    return folder if folder in ("partition", "analysis") else stem.split("_")[0]


def includes_of(path):
    """[(line, name, is a header of ours)]"""
    found = []
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if match:
                found.append((number, match.group(2), match.group(1) == '"'))
    return found


def place_in_flow(module):
    return next((i for i, group in enumerate(FLOW) if module in group), None)


def check_arrows(verdict, modules):
    checked, wrong = 0, []
    for path in source_files("include", "src", "partition", "analysis"):
        own = module_of(path, modules)
        analysis = path.startswith("analysis") or own.startswith("phi")
        for line, name, ours in includes_of(path):
            other = module_of(name, modules)
            if not ours or other == own or other in FOUNDATIONS:
                continue
            checked += 1
            here, there = place_in_flow(own), place_in_flow(other)
            if analysis and other not in ANALYSIS_MAY_USE and not other.startswith("phi"):
                wrong.append(f"{path}:{line}: analysis includes {name}, which is the simulator's")
            elif own in FOUNDATIONS:
                wrong.append(f"{path}:{line}: a foundation includes {name}")
            elif here is not None and there is not None and there > here:
                wrong.append(f"{path}:{line}: {own} includes {name}: an arrow against the data flow")
    for line in wrong:
        print(line)
    verdict.check(not wrong and checked > 0, f"{checked} includes follow the data flow")
    places = FOUNDATIONS.union(*FLOW)
    lost = sorted({module_of(path, modules) for path in source_files("include", "src", "partition")
                   if not os.path.basename(path).startswith("phi")} - places)
    verdict.check(not lost, "every module has a place in the data flow " + ", ".join(lost))


def check_library_headers(verdict, modules):
    for header, allowed in LIBRARY_HEADERS.items():
        users, wrong = 0, []
        for path in source_files("include", "src", "partition", "analysis"):
            for line, name, _ in includes_of(path):
                if name != header:
                    continue
                users += 1
                folders = {a for a in allowed if a.endswith("/")}
                fits = (module_of(path, modules) in allowed
                        or module_of(path, modules).split("_")[0] in allowed
                        or any(path.startswith(folder) for folder in folders))
                if header == "hdf5.h" and not HDF5_FILES.search(os.path.basename(path)):
                    fits = False
                if not fits:
                    wrong.append(f"{path}:{line}: {header} does not belong here")
        for text in wrong:
            print(text)
        verdict.check(not wrong, f"{header} is included in {users} files, where it belongs")


def check_no_mpi_switch(verdict):
    """np = 1 is the serial program: no conditional compilation for MPI."""
    wrong = []
    for path in source_files("include", "src", "partition", "analysis"):
        with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
            wrong += [f"{path}:{number}" for number, line in enumerate(file, 1)
                      if re.match(r"\s*#\s*if.*MPI", line)]
    verdict.check(not wrong, "no #ifdef for MPI " + " ".join(wrong))


def check_format(verdict):
    """The format is that of clang-format 14; other versions differ in details."""
    program = shutil.which("clang-format-14") or shutil.which("clang-format")
    version = subprocess.run([program, "--version"], capture_output=True, text=True,
                             check=True).stdout if program else ""
    if "version 14." not in version:
        print(f"skipped: formatting; clang-format 14 is needed, found: {version.strip() or 'none'}")
        return
    files = list(source_files("include", "src", "partition", "analysis", "tests"))
    done = subprocess.run([program, "--dry-run", "-Werror", *files], cwd=SOURCE,
                          capture_output=True, text=True, check=False)
    for line in done.stderr.splitlines():
        if "error:" in line:
            print(line)
    verdict.check(done.returncode == 0, f"{len(files)} files are formatted")


def check_instructions(verdict):
    """What compilers may do, for nothing but speed changes: leave out the prefetching, without which
    delivery takes twice as long, or use vectors of 512 bits, which lower the clock."""
    if platform.machine() != "x86_64" or not shutil.which("objdump"):
        print("skipped: the instructions; an x86-64 machine and objdump are needed")
        return
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", BINARY], capture_output=True, text=True,
                          check=True).stdout
    functions = re.findall(r"^[0-9a-f]+ <(\w+)[^>]*>:\n((?:.+\n)+)", code, re.M)
    delivery = [(name, body) for name, body in functions if re.match("(synapse_)?deliver", name)]
    verdict.check(any("prefetch" in body for _, body in delivery),
                  "the delivery asks for memory before it needs it: " + " ".join(name for name, _ in delivery))
    wide = [name for name, body in functions if "%zmm" in body]
    verdict.check(not wide and any("%ymm" in body for _, body in functions),
                  "vectors have at most 256 bits " + " ".join(wide))


def main():
    os.chdir(SOURCE)
    verdict, modules = Verdict(), module_names() | set().union(*FLOW) | FOUNDATIONS
    check_arrows(verdict, modules)
    check_library_headers(verdict, modules)
    check_no_mpi_switch(verdict)
    check_format(verdict)
    check_instructions(verdict)
    verdict.finish()


if __name__ == "__main__":
    sys.exit(main())
