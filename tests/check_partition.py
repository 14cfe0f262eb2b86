#!/usr/bin/python3
"""`shinkei partition` as a user calls it: its table, files and refusals; and on the fly's optic lobe
the communication volume of METIS against that of dealing neurons round.
"""
import concurrent.futures
import os
import subprocess
import sys
import tempfile

SHINKEI = os.environ["SHINKEI"]
SOURCE = os.environ["SHINKEI_SOURCE"]
SHARED = os.environ.get("SHINKEI_SHARED") or os.path.join(SOURCE, "..", "shared")
OPTIC_LOBE = os.path.join(SHARED, "data", "fly_optic_lobe", "network", "ol_ol_edges.h5")
MICROCIRCUIT = os.path.join(SOURCE, "tests", "models", "microcircuit_small.yaml")

# parts: the volume of round_robin over that of metis, at least
BARS = {2: 8, 4: 10, 8: 12, 16: 12, 32: 12}
IMBALANCE = 1.05
COLUMNS = ("cut", "share", "volume", "volume_rate", "neurons", "events", "memory", "neighbours",
           "seconds")

OPTIC_LOBE_MODEL = """
simulation: {{dt: 0.1, duration: 1.0, seed: 1}}
neurons: {{shiu: {{model: shiu_lif}}}}
populations: {{ol: {{size: 45669, neuron: shiu, expected_rate: 5.0}}}}
projections:
- {{source: ol, target: ol, rule: file, file: {file}, edges: ol_ol, delay: 1.8, receptor: g,
   weight: {{attribute: syn_weight, scale: 1.0}}}}
"""


def run(*arguments):
    return subprocess.run([SHINKEI, "partition", *map(str, arguments)], capture_output=True,
                          text=True, check=False)


def table(*arguments):
    """{method: {column: number}} of a call that must succeed."""
    done = run(*arguments)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    rows = [line.split() for line in done.stdout.splitlines()[3:]]
    return {row[0]: dict(zip(COLUMNS, (float(value.rstrip("%")) for value in row[1:])))
            for row in rows}


def check_help():
    done = run("--help")
    assert done.returncode == 0 and "--ranks R" in done.stdout, done


def check_refusals(folder):
    precious = folder + "/model.yaml"
    with open(precious, "w", encoding="utf-8") as file:
        file.write("precious")
    for arguments, words in (
            ([], "one model file is needed"),
            ([MICROCIRCUIT], "--ranks is needed"),
            ([MICROCIRCUIT, "--ranks", "0"], "--ranks 0: allowed are"),
            ([MICROCIRCUIT, "--ranks", "2x"], "--ranks 2x: allowed are"),
            ([MICROCIRCUIT, "--ranks"], "--ranks needs a value"),
            ([MICROCIRCUIT, "--ranks", "2", "--rank", "3", "--sett"], "--sett"),
            ([MICROCIRCUIT, "--ranks", "2", "--set", "seed"], "KEY=VALUE"),
            ([MICROCIRCUIT, "--ranks", "2", "--set", "simulation.sead=1"], "sead"),
            ([MICROCIRCUIT, "--ranks", "2", "--method", "mettis"], "there is no such file"),
            ([MICROCIRCUIT, "--ranks", "2", "--method", MICROCIRCUIT + "/x"], "x cannot be read: Not a"),
            ([MICROCIRCUIT, "--ranks", "2", "--method", "all", "--out", folder + "/p.h5"], "--out"),
            ([MICROCIRCUIT, "--ranks", "2", "--out", folder + "/none/p.h5"], "none/p.h5"),
            ([MICROCIRCUIT, "--ranks", "2", "--out", precious], "no partition, and would be lost"),
            ([folder + "/none.yaml", "--ranks", "2"], "none.yaml")):
        done = run(*arguments)
        assert done.returncode in (2, 3) and words in done.stderr, f"{arguments}: {done}"
        assert done.stderr.count("shinkei: error:") == 1, f"{arguments}: {done.stderr}"
        assert not done.stdout, f"{arguments}: begun before it is refused: {done.stdout}"
    with open(precious, encoding="utf-8") as file:
        assert file.read() == "precious"


def check_rules(folder):
    for parts in (2, 4, 8):
        rows = table(MICROCIRCUIT, "--ranks", parts, "--method", "all")
        assert list(rows) == ["metis", "block", "round_robin", "random"], rows
        for load in ("neurons", "events"):
            assert rows["metis"][load] <= 1.02, (parts, rows["metis"])
        assert rows["metis"]["volume_rate"] <= rows["round_robin"]["volume_rate"], (parts, rows)
    file = folder + "/partition.h5"
    table(MICROCIRCUIT, "--ranks", 2, "--method", "block", "--out", file)  # which is replaced
    written = table(MICROCIRCUIT, "--ranks", 4, "--out", file)["metis"]
    read = table(MICROCIRCUIT, "--ranks", 4, "--method", file)[file]
    assert {**read, "seconds": 0} == {**written, "seconds": 0}, (written, read)
    done = run(MICROCIRCUIT, "--ranks", 5, "--method", file)
    assert done.returncode == 2 and "4 parts; 5 are needed" in done.stderr, done


def check_optic_lobe(folder):
    model = os.path.join(folder, "optic_lobe.yaml")
    with open(model, "w", encoding="utf-8") as file:
        file.write(OPTIC_LOBE_MODEL.format(file=os.path.abspath(OPTIC_LOBE)))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        tables = dict(zip(BARS, pool.map(
            lambda parts: table(model, "--ranks", parts, "--method", "all"), BARS)))
    failures = []
    for parts, least in BARS.items():
        rows = tables[parts]
        ratio = rows["round_robin"]["volume"] / rows["metis"]["volume"]
        worst = max(rows["metis"][load] for load in ("neurons", "events"))
        print(f"optic lobe, {parts:2} parts: {ratio:5.2f} times less volume than round_robin "
              f"(at least {least}), imbalance neurons {rows['metis']['neurons']:.3f}, events "
              f"{rows['metis']['events']:.3f}, {rows['metis']['seconds']:.1f} s")
        if ratio < least or worst > IMBALANCE:
            failures.append(parts)
    assert not failures, f"under the bar at {failures} parts"


def main():
    with tempfile.TemporaryDirectory() as folder:
        check_help()
        check_refusals(folder)
        check_rules(folder)
        if not os.path.exists(OPTIC_LOBE):
            print(f"skipped: the fly's optic lobe is not there ({OPTIC_LOBE})")
            sys.exit(77)
        check_optic_lobe(folder)


if __name__ == "__main__":
    main()
