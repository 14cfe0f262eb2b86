#!/usr/bin/python3
"""shinkei phi as a user meets it: tables in every form, spikes of either layout, many groups on any
number of ranks, going on after a kill, and bad input."""
import json
import os
import signal
import subprocess
import time

import h5py
import numpy as np

from program import BINARY, SOURCE, TIMEOUT, Verdict, Workspace, command


def phi(*options, ranks=1, threads=1):
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    return subprocess.run(command(["phi", *options], ranks), capture_output=True, text=True,
                          timeout=TIMEOUT, check=False, env=environment)


def values(done):
    """{measure: value} of a JSON report."""
    if done.returncode:
        raise SystemExit(f"status {done.returncode}: {done.stderr}")
    return {name: m["value"] for name, m in json.loads(done.stdout)["measures"].items()}


def bits(n):
    """[2^n, n] states, node 0 varying fastest."""
    return np.arange(2**n)[:, None] >> np.arange(n) & 1


def write_spikes(path, trains, layout="sonata", bin_width=5.0):
    """trains: [bins, n] of 0 and 1; a spike falls into the middle of its bin."""
    step, node = np.nonzero(trains)
    with h5py.File(path, "w") as file:
        group = file.create_group("spikes/cells" if layout == "sonata" else "spikes")
        group["timestamps"] = (step + 0.5) * bin_width
        group["node_ids" if layout == "sonata" else "gids"] = node.astype(np.uint64)
        if layout == "sonata":
            group["timestamps"].attrs["units"] = "ms"


def coupled_trains(bins, n, seed=1):
    """A noisy ring: each node copies the one before it, 80 % of the time."""
    random = np.random.default_rng(seed)
    trains = np.zeros((bins, n), dtype=int)
    trains[0] = random.integers(0, 2, n)
    for t in range(1, bins):
        copied = np.roll(trains[t - 1], 1)
        trains[t] = np.where(random.random(n) < 0.8, copied, random.integers(0, 2, n))
    return trains


def check_tables(verdict, work):
    """One network in every form gives the same; its numbers are known."""
    state = bits(3)
    tpm = np.stack([state[:, 1] ^ state[:, 2], state[:, 0] ^ state[:, 2], state[:, 0] ^ state[:, 1]],
                   axis=1).astype(float)
    labels = ["".join(map(str, row)) for row in state]
    big = [int("".join(map(str, row)), 2) for row in state]  # where row i stands, node 0 slowest
    swapped = np.empty_like(tpm)
    swapped[big] = tpm
    by_state = np.zeros((8, 8))
    by_state[np.arange(8), (tpm @ [1, 2, 4]).astype(int)] = 1
    form = {"tpm": tpm.tolist(), "order": "little-endian", "state": [0, 0, 0]}
    files = {
        "a.json": json.dumps({**form, "states": labels}),
        "big.json": json.dumps({**form, "tpm": swapped.tolist(), "order": "big-endian"}),
        "states.json": json.dumps({**form, "tpm": by_state.tolist()}),
        "b.csv": "# order: little-endian\nstate,x,y,z\n" + "".join(
            label + "," + ",".join(map(str, row)) + "\n" for label, row in zip(labels, tpm)),
        "mark.csv": "\ufeff# order: little-endian\r\n" + "".join(
            ";".join(map(str, row)) + "\r\n" for row in tpm),
    }
    for name, text in files.items():
        with open(work.path(name), "w", encoding="utf-8") as file:
            file.write(text)
    with h5py.File(work.path("c.h5"), "w") as file:
        file["tpm"] = tpm
        file["tpm"].attrs["order"] = "little-endian"
        file["state"] = np.zeros(3, dtype=int)
    found = {}
    for name in (*files, "c.h5"):
        state_given = ["--state", "0,0,0"] if name.endswith(".csv") else []
        found[name] = values(phi("--table", work.path(name), *state_given, "--measures",
                                 "iit3,iit4,EI,SI,MI,TDMI"))
    first = found["a.json"]
    verdict.check(all(f == first for f in found.values()),
                  f"{len(found)} forms of one table give the same")
    verdict.check(abs(first["iit3"] - 1.875) < 1e-9, "XOR: Phi of IIT 3.0 is 1.875")
    verdict.check(abs(first["EI"] - 2) < 1e-12, "XOR: effective information is 2 bits")
    verdict.check(abs(first["TDMI"] - 2 * np.log(2)) < 1e-12, "XOR: 2 bits from past to present")
    verdict.check(phi("--table", work.path("a.json"), threads=4).stdout
                  == phi("--table", work.path("a.json"), ranks=2).stdout,
                  "the same report on 4 threads and on 2 ranks")


def check_emergence(verdict, work):
    """Two noisy pairs (Hoel, Albantakis & Tononi 2013): 1.15 bits, 1.55 by grouping each pair."""
    state = bits(4)
    first, second = state[:, 0] & state[:, 1], state[:, 2] & state[:, 3]
    table = np.where(np.stack([second, second, first, first], axis=1), 1.0, 0.3)
    with open(work.path("pairs.json"), "w", encoding="utf-8") as file:
        json.dump({"tpm": table.tolist(), "order": "little-endian"}, file)
    done = phi("--table", work.path("pairs.json"), "--measures", "EI,emergence")
    found = json.loads(done.stdout)["measures"]["emergence"]
    verdict.check(abs(found["micro"]["information"] - values(done)["EI"]) < 1e-12
                  and round(found["micro"]["information"], 2) == 1.15
                  and round(found["macro"]["information"], 2) == 1.55,
                  "the published effective information of micro and macro scale")
    unit = found["macro_unit_of_unit"]
    verdict.check(unit[0] == unit[1] != unit[2] == unit[3], "each pair is one macro node")


def check_spikes(verdict, work):
    trains = coupled_trains(4000, 4)
    write_spikes(work.path("new.h5"), trains)
    write_spikes(work.path("old.h5"), trains, "old")
    options = ["--nodes", "0-3", "--measures", "iit4,SI,star,EI", "--bootstrap", "20",
               "--surrogates", "20", "--begin", "0", "--end", "20000"]
    done = phi("--spikes", work.path("new.h5"), *options)
    new = values(done)
    verdict.check(new == values(phi("--spikes", work.path("old.h5"), *options)),
                  "the older layout reads the same")
    report = json.loads(done.stdout)
    before = trains[:-1] @ (1 << np.arange(4))
    visits = np.bincount(before, minlength=16)
    on = np.stack([np.bincount(before, trains[1:, j], minlength=16) for j in range(4)], axis=1)
    verdict.check(report["table"]["visits"] == visits.tolist(), "states are counted as numpy does")
    table = (on + 0.5) / (visits + 1)[:, None]
    verdict.check(np.abs(np.array(report["table"]["tpm"]) - table).max() < 1e-15,
                  "the table is (times on + prior) / (visits + 2 prior)")
    verdict.check(report["coverage"]["states_seen"] == 16 and report["coverage"]["sufficient"],
                  "coverage: all 16 states were seen")
    shuffled = report["measures"]["SI"]["surrogates"]
    interval = report["measures"]["SI"]["bootstrap_95"]
    verdict.check(shuffled["mean"] < 0.1 * new["SI"] and shuffled["share_at_or_above"] == 0,
                  "surrogates lose what is between the trains")
    verdict.check(interval["low"] < new["SI"] < interval["high"] + 0.05,
                  "the bootstrap interval is about the value")
    done = phi("--spikes", work.path("new.h5"), *options[:-1], "400")
    verdict.check("may not carry the estimate" in done.stderr
                  and "warning" in json.loads(done.stdout)["coverage"], "too few data are warned of")
    whole = phi("--spikes", work.path("new.h5"), "--nodes", "0-3", "--measures", "SI", "--begin", "2")
    verdict.check(json.loads(whole.stdout)["coverage"]["pairs"] == 3999,
                  "the last spike's bin counts, wherever bins begin")
    coupled = phi("--spikes", work.path("new.h5"), "--sample", "1x2", "--by", "coupling", *options[2:])
    nodes = sorted(m["node"] for m in json.loads(coupled.stdout)["members"])
    verdict.check((nodes[1] - nodes[0]) % 4 in (1, 3), "coupling finds neighbours on the ring")


def check_experiments_and_pictures(verdict, work):
    """Each experiment is one command that leaves its figure; each picture is drawn."""
    environment = {**os.environ, "SHINKEI": BINARY, "OMP_NUM_THREADS": "1"}
    for name in ("zombie", "emergence"):
        done = subprocess.run([os.path.join(SOURCE, "jobs", name, "run.sh"), work.path(name)],
                              capture_output=True, text=True, timeout=TIMEOUT, check=False,
                              env=environment)
        verdict.check(done.returncode == 0 and os.path.getsize(work.path(f"{name}/{name}.png")) > 10000,
                      f"jobs/{name}: one command, one figure {done.stderr[-300:]}".rstrip())
    done = subprocess.run([os.path.join(SOURCE, "jobs", "cortex", "run.sh"), work.path("cortex"), "--scale", "0.02", "--duration", "400", "--each",
                           "1", "--surrogates", "1"], capture_output=True, text=True, timeout=TIMEOUT,
                          check=False, env=environment)
    verdict.check(done.returncode == 0 and os.path.getsize(work.path("cortex/cortex.png")) > 10000
                  and "silenced: 0.00 Hz" in done.stdout and "no neuron of the 8 groups fires" in done.stdout,
                  f"jobs/cortex: a small version, its figure, silence in words {done.stderr[-300:]}".rstrip())
    write_spikes(work.path("p.h5"), coupled_trains(2000, 4))
    few = ["--nodes", "0-3", "--bootstrap", "5", "--surrogates", "5"]
    phi("--spikes", work.path("p.h5"), *few, "--measures", "structure,SI", "--out", work.path("p.json"))
    phi("--spikes", work.path("p.h5"), *few, "--window", "2000", "--out", work.path("pt.h5"))
    for picture in (["table", "p.json"], ["structure", "p.json"], ["time", "pt.h5", "p.h5"],
                    ["against", "bin", "p.json"]):
        files = [name if "." not in name else work.path(name) for name in picture[1:]]
        out = work.path(picture[0] + ".png")
        done = subprocess.run(["/usr/bin/python3", os.path.join(SOURCE, "analysis", "phi_pictures.py"),
                               picture[0], *files, "--out", out], capture_output=True, text=True,
                              timeout=TIMEOUT, check=False)
        verdict.check(done.returncode == 0 and os.path.exists(out),
                      f"picture: {picture[0]} {done.stderr[-300:]}".rstrip())
    phi("--table", work.path("a.json"), "--measures", "EI", "--out", work.path("plain.json"))
    done = phi("--table", work.path("a.json"), "--measures", "EI", "--out", work.path("plain.json"))
    verdict.check(done.returncode == 2 and "plain.json exists; --overwrite replaces it" in done.stderr,
                  "a file that is there stays: " + done.stderr.strip())
    done = phi("--table", work.path("a.json"), "--measures", "EI", "--out", work.path("plain.json"), "--overwrite")
    verdict.check(done.returncode == 0, "unless it shall not: " + done.stderr.strip())
    for arguments, words in ((["table", work.path("absent.json")], "absent.json: No such file"),
                             (["structure", work.path("p.h5")], "no JSON in it"),
                             (["time", work.path("p.h5"), work.path("p.h5")], "no results of shinkei phi"),
                             (["against", "bin", work.path("plain.json")], "a table has no bin")):
        done = subprocess.run(["/usr/bin/python3", os.path.join(SOURCE, "analysis", "phi_pictures.py"), *arguments],
                              capture_output=True, text=True, timeout=TIMEOUT, check=False)
        verdict.check(done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr,
                      f"picture refused: {words}" + ("" if words in done.stderr else f"; said {done.stderr[-300:]}"))


def check_series(verdict, work):
    """A Gaussian recording against the formula in numpy."""
    random = np.random.default_rng(2)
    x = np.zeros((3000, 3))
    for t in range(1, len(x)):
        x[t] = x[t - 1] @ np.array([[.5, .2, 0], [.1, .4, .2], [0, .3, .3]]).T + random.normal(size=3)
    np.savetxt(work.path("x.csv"), x, delimiter=",")
    with h5py.File(work.path("x.h5"), "w") as file:
        file["series"] = x
    both = np.cov(np.hstack([x[:-1], x[1:]]).T)
    part = [[0, 3], [1, 2, 4, 5]]
    wanted = 0.5 * (sum(np.linalg.slogdet(both[np.ix_(p, p)])[1] for p in part)
                    - np.linalg.slogdet(both)[1])
    options = ["--measures", "MI", "--parts", "0,1,1", "--bootstrap", "0", "--surrogates", "0"]
    for name in ("x.csv", "x.h5"):
        found = values(phi("--series", work.path(name), *options))["MI"]
        verdict.check(abs(found - wanted) < 1e-10, f"{name}: MI as numpy has it")
    np.savetxt(work.path("later.csv"), x[1000:2500], delimiter=",")
    later = phi("--series", work.path("later.csv"), *options)
    for begin in ("1000", "999.5"):
        done = phi("--series", work.path("x.h5"), "--begin", begin, "--end", "2500", *options)
        verdict.check(values(done) == values(later) and json.loads(done.stdout)["begin"] == 1000,
                      f"--begin {begin}: a recording is used from there")
    done = phi("--series", work.path("x.h5"), "--begin", "500", "--window", "500", "--end", "2500", *options,
               "--out", work.path("xw.h5"))
    with h5py.File(work.path("xw.h5")) as file:
        np.savetxt(work.path("later.csv"), x[1500:2000], delimiter=",")
        verdict.check(file["MI/value"][0, 2] == values(phi("--series", work.path("later.csv"), *options))["MI"]
                      and file["window_begin"][:].tolist() == [500, 1000, 1500, 2000], "windows begin where they say")


def write_populations(path, spikes):
    """spikes: {population: {id: times [ms]}}"""
    with h5py.File(path, "w") as file:
        for name, trains in spikes.items():
            pairs = sorted((t, i) for i, times in trains.items() for t in times)
            file[f"spikes/{name}/timestamps"] = np.array([t for t, _ in pairs], dtype=float)
            file[f"spikes/{name}/node_ids"] = np.array([i for _, i in pairs], dtype=np.uint64)


def groups_by_partition(verdict, work, options):
    """A partition by shinkei, populations A and B as in the spikes; all others are left out."""
    neuron = {"size": 10, "neuron": "parrot"}
    model = work.write_model("abc.yaml", {
        "simulation": {"duration": 1}, "populations": {"before": neuron, "A": neuron, "B": neuron},
        "projections": [{"source": "A", "target": "B", "rule": "fixed_indegree", "indegree": 2, "weight": 1,
                         "delay": 1}]})
    subprocess.run(command(["partition", model, "--ranks", "2", "--method", "round_robin", "--out",
                            work.path("parts.h5")]), check=True, capture_output=True, timeout=TIMEOUT)
    with h5py.File(work.path("g.h5")) as file:
        trains = {name: {i: file[f"spikes/{name}/timestamps"][:][file[f"spikes/{name}/node_ids"][:] == i]
                         for i in np.unique(file[f"spikes/{name}/node_ids"][:])} for name in "AB"}
    write_populations(work.path("ab.h5"), trains)
    by = ["--spikes", work.path("ab.h5"), "--sample", "6x3", "--by", "partition", "--partition-file",
          work.path("parts.h5"), *options[2:], "--out", work.path("parted.h5")]
    done = phi(*by)
    verdict.check(done.returncode == 2 and "--first" in done.stderr, "by partition: numbers are asked for")
    done = phi(*by, "--first", "A:10,B:20")
    with h5py.File(work.path("parted.h5")) as file, h5py.File(work.path("parts.h5")) as parts:
        part = parts["owner"][:][file["members"][:] + 10 + 10 * file["populations"][:]]
    verdict.check(done.returncode == 0 and (part == part[:, :1]).all() and set(part[:, 0]) == {0, 1},
                  "by partition: each group lies in one part, the parts in turn")


def check_groups(verdict, work):
    """Groups from a file, across populations, by partition; silence is said, not hidden."""
    random = np.random.default_rng(5)
    trains = {name: {i: np.sort(random.choice(2000, 300, replace=False)) + 0.5 for i in ids}
              for name, ids in {"A": range(6), "B": range(3, 9), "C": range(4)}.items()}
    trains["quiet"] = {}
    write_populations(work.path("g.h5"), trains)
    with open(work.path("groups.txt"), "w", encoding="utf-8") as file:
        file.write("# three groups\nA:0,1,B:3\n\nA:5, C:0-1   # a comment\nB:3,quiet:7,quiet:9\n")
    options = ["--spikes", work.path("g.h5"), "--bin", "1", "--begin", "0", "--end", "2000",
               "--measures", "MI,star", "--bootstrap", "0", "--surrogates", "2"]
    named = ["--groups", work.path("groups.txt"), *options]
    done = phi(*named, "--out", work.path("g1.h5"))
    verdict.check(done.returncode == 2 and "groups.txt:5" in done.stderr and "node 7" in done.stderr,
                  "a silent neuron is refused by file and line")
    done = phi(*named, "--allow-silent", "--out", work.path("g1.h5"))
    with h5py.File(work.path("g1.h5")) as file:
        verdict.check(file["members"][:].tolist() == [[0, 1, 3], [5, 0, 1], [3, 7, 9]]
                      and file["populations"][:].tolist() == [[0, 0, 1], [0, 2, 2], [1, 3, 3]]
                      and file["population_names"][:].tolist() == [b"A", b"B", b"C", b"quiet"],
                      "groups are those of the file")
        verdict.check(file["coverage/constant"][:, 0].tolist() == [0, 0, 2]
                      and abs(file["MI/value"][2, 0]) < 1e-12 and file["MI/value"][0, 0] > 1e-6,
                      "silent elements are counted, and cut off at no cost")
    one = json.loads(phi("--nodes", "A:5,C:0-1", *options).stdout)["measures"]["MI"]["value"]
    wide = work.path("wide.csv")
    np.savetxt(wide, random.normal(size=(40, 2100)), delimiter=",")
    for begin in 0, 20:
        done = phi("--series", wide, "--measures", "MI", "--parts", ",".join("01"[k % 2] for k in range(2100)),
                   "--regularise", "1", "--bootstrap", "0", "--surrogates", "0", "--window", "10", "--begin", str(begin),
                   "--end", str(begin + 20), "--out", work.path("wide.h5"))
    verdict.check(done.returncode == 2 and "results of other settings" in done.stderr,
                  "a file of other times is not gone on with, however long --parts is")
    drawn = ["--spikes", work.path("named.h5"), "--sample", "2x2", *options[2:], "--out", work.path("named_phi.h5")]
    for name in ("A", "A", "D"):
        write_populations(work.path("named.h5"), {name: trains["A"]})
        done = phi(*drawn)
        verdict.check((done.returncode == 0) == (name == "A"), f"the same results are for the same name, {name}: "
                      f"{done.stderr.strip().splitlines()[-1][:120]}")
    with h5py.File(work.path("g1.h5")) as file:
        verdict.check(abs(one - file["MI/value"][1, 0]) < 1e-15, "a group of a file is as one named by --nodes")
    done = phi("--nodes", "quiet:0,1", "--allow-silent", *options)
    verdict.check(done.returncode == 0 and "no element ever changes" in done.stderr
                  and all(abs(v) < 1e-12 for v in values(done).values()), "a group without a spike: 0, and why")
    done = phi("--sample", "6x3", "--by", "across", *options, "--out", work.path("across.h5"))
    with h5py.File(work.path("across.h5")) as file:
        verdict.check(all(sorted(row) == [0, 1, 2] for row in file["populations"][:].tolist())
                      and len({tuple(row) for row in file["members"][:].tolist()}) > 1,
                      "across: each member from another population")
    done = phi("--sample", "6x3", "--by", "population", *options, "--out", work.path("across.h5"))
    verdict.check(done.returncode == 2 and "other settings" in done.stderr,
                  "results of another sample are not mixed")
    groups_by_partition(verdict, work, options)
    for content, words in (("A:0,1\nA:0,1,2\n", "groups.txt:2"), ("\n# nothing\n", "no group"),
                           ("A:0,x\n", "'x' is no id"), ("Z:0,1\n", "no population 'Z'"),
                           ("A:0,0\n", "named twice")):
        with open(work.path("groups.txt"), "w", encoding="utf-8") as file:
            file.write(content)
        done = phi(*named, "--out", work.path("g2.h5"))
        verdict.check(done.returncode == 2 and words in done.stderr, f"refused: groups with {words}")


def check_many(verdict, work):
    write_spikes(work.path("s.h5"), coupled_trains(6000, 8))
    options = ["--spikes", work.path("s.h5"), "--sample", "5x3", "--window", "5000", "--step", "2500",
               "--measures", "iit4,SI,star", "--bootstrap", "40", "--surrogates", "20"]
    for ranks in (1, 2, 3):
        done = phi(*options, "--out", work.path(f"r{ranks}.h5"), ranks=ranks)
        verdict.check(done.returncode == 0, f"many groups on {ranks} ranks {done.stderr[-300:]}"
                      if done.returncode else f"many groups on {ranks} ranks")
    def content(name):
        with open(work.path(name), "rb") as file:
            return file.read()
    whole = content("r1.h5")
    verdict.check(whole == content("r2.h5") == content("r3.h5"), "the same file, byte for byte")
    with h5py.File(work.path("r1.h5")) as file:
        verdict.check(file["done"][:].all() and np.isfinite(file["SI/value"][:]).all(),
                      "every estimate is there")
        verdict.check(file["SI/value"].shape == (5, 11), "groups x windows")
    kill_and_go_on(verdict, work, options, whole, content)
    done = phi(*options[:-1], "21", "--out", work.path("r1.h5"))
    verdict.check(done.returncode == 2 and "other settings" in done.stderr,
                  "results of other settings are not mixed")


def count_done(path):
    """Of a file that may be written to just now."""
    try:
        with h5py.File(path, locking=False) as file:
            return int(file["done"][:].sum())
    except OSError:
        return 0


def kill_and_go_on(verdict, work, options, whole, content):
    path, done = work.path("killed.h5"), 0
    with subprocess.Popen(command(["phi", *options, "--out", path]), stderr=subprocess.DEVNULL) as run:
        while run.poll() is None and done < 5:
            time.sleep(0.02)
            done = count_done(path)
        run.send_signal(signal.SIGKILL)
    done = count_done(path)
    verdict.check(5 <= done < 55, f"killed with {done} of 55 estimates done, in a file that can be read")
    done = phi(*options, "--out", path)
    verdict.check(done.returncode == 0 and content("killed.h5") == whole
                  and "going on with" in done.stderr,
                  "goes on after a kill to the same file")


def check_info(verdict, work):
    """`shinkei info` on what check_many has left, on a report, on tables, on damage."""
    def info(path):
        return subprocess.run(command(["info", work.path(path)]), capture_output=True, text=True,
                              timeout=TIMEOUT, check=False)
    said = info("r2.h5")
    with h5py.File(work.path("r2.h5")) as file:
        value = file["SI/value"][:]
    verdict.check(said.returncode == 0 and "5 groups of 3 elements, 11 windows" in said.stdout
                  and "55 of 55 estimates are done\n" in said.stdout and f"mean {value.mean():.6g}" in said.stdout,
                  "info: results of many, and their mean")
    with h5py.File(work.path("r2.h5"), "r+") as file:
        file["done"][2, 3] = 0
        file["SI/value"][2, 3] = np.nan
    verdict.check("54 of 55 estimates are done; the same command goes on" in info("r2.h5").stdout,
                  "info: what is not done yet")
    with h5py.File(work.path("r2.h5"), "r+") as file:
        file["done"][2, 3] = 1
    said = info("r2.h5")
    verdict.check(said.returncode == 2 and "/SI/value: estimate 25 is done but has no value" in said.stderr,
                  "info: a value that is missing is found")
    phi("--table", work.path("a.json"), "--measures", "iit3,iit4,SI", "--out", work.path("report.json"))
    said = info("report.json")
    verdict.check(said.returncode == 0 and "iit3 = 1.875" in said.stdout and "a.json" in said.stdout
                  and "theory: IIT 4.0" in said.stdout and "minimum partition" in said.stdout, "info: a report")
    for name in ("a.json", "c.h5"):
        said = info(name)
        verdict.check(said.returncode == 0 and "transition table of 3 binary nodes" in said.stdout,
                      f"info: the table {name}")
    for name, words in (("sum.json", "row 0 sums"), ("broken.json", "no value")):
        with open(work.path("broken.json"), "w", encoding="utf-8") as file:
            file.write('{"measures": {"SI": {"unit": "nats"}}, "definitions": ""}')
        said = info(name)
        verdict.check(said.returncode == 2 and words in said.stderr, f"info: refused, {words}")


def check_bad_input(verdict, work):
    write_spikes(work.path("few.h5"), coupled_trains(200, 3))
    with h5py.File(work.path("none.h5"), "w") as file:
        file["spikes/cells/timestamps"] = np.zeros(0)
        file["spikes/cells/node_ids"] = np.zeros(0, dtype=int)
    with h5py.File(work.path("nan.h5"), "w") as file:
        file["spikes/cells/timestamps"] = [1, np.nan]
        file["spikes/cells/node_ids"] = [0, 1]
    with h5py.File(work.path("half.h5"), "w") as file:
        file["spikes/cells/timestamps"] = [1, 2]
        file["spikes/cells/node_ids"] = [0, 1.5]
    for name, units in (("list.h5", ["ms"] * 50), ("days.h5", "days"), ("number.h5", 7)):
        write_spikes(work.path(name), coupled_trains(200, 3))
        with h5py.File(work.path(name), "r+") as file:
            file["spikes/cells/timestamps"].attrs["units"] = units
    with h5py.File(work.path("orders.h5"), "w") as file:
        file["tpm"] = [[0.0], [1.0]]
        file["tpm"].attrs["order"] = ["little-endian"] * 50
    tables = {
        "sum.json": {"tpm": [[0.5, 0.4], [0, 1]], "order": "little-endian"},
        "range.json": {"tpm": [[0.5], [1.5]], "order": "little-endian"},
        "above.json": {"tpm": [[0.5], [1.00000001]], "order": "little-endian"},
        "nan.json": {"tpm": [[0.5], [np.nan]], "order": "little-endian"},
        "size.json": {"tpm": [[0, 1], [1, 0], [1, 1]], "order": "little-endian"},
        "order.json": {"tpm": [[0], [1]]},
        "label.json": {"tpm": [[0], [1]], "order": "little-endian", "states": ["1", "0"]},
        "key.json": {"tpm": [[0], [1]], "order": "little-endian", "conectivity": 1},
        "never.json": {"tpm": [[0, 0], [0, 0], [0, 0], [0, 0]], "order": "little-endian",
                       "state": [1, 0]},
        "stateless.json": {"tpm": [[0, 0], [0, 1], [1, 0], [1, 1]], "order": "little-endian"},
    }
    for name, table in tables.items():
        with open(work.path(name), "w", encoding="utf-8") as file:
            json.dump(table, file)
    np.savetxt(work.path("copy.csv"), np.random.default_rng(1).normal(size=(99, 1)) @ [[1, 2]])
    with open(work.path("nan.csv"), "w", encoding="utf-8") as file:
        file.write("1,2\n3,nan\n")
    rows = {"empty.csv": "0,,0\n,0,1\n", "tail.csv": "0,0\n0,\n", "first.csv": "O.5,0\n0,0\n0,1\n1,0\n1,1\n",
            "marked.csv": "\ufeff0,0\n0,1\n1,0\n",
            "orders.csv": "# order: little-endian\n# order: big-endian\n0,0\n0,1\n1,0\n1,1\n",
            "behind.csv": "0,0\n0,1\n# order: little-endian\n1,0\n1,1\n"}
    for name, text in rows.items():
        with open(work.path(name), "w", encoding="utf-8") as file:
            file.write(text)
    few = work.path("few.h5")
    declared = ["--order", "little-endian", "--state", "0,0"]
    cases = [
        (["--table", work.path("empty.csv"), *declared], "empty.csv:1: a cell is empty"),
        (["--table", work.path("tail.csv"), *declared], "tail.csv:2: a cell is empty"),
        (["--table", work.path("first.csv"), *declared], "first.csv:1: 'O.5' is no number"),
        (["--table", work.path("marked.csv"), *declared], "there are 3 rows"),
        (["--series", work.path("first.csv")], "first.csv:1: 'O.5' is no number"),
        (["--table", work.path("nan.json")], "nan.json:1: invalid token near 'NaN'; allowed"),
        (["--table", work.path("above.json")], "row 1, column 0 is 1.00000000"),
        (["--table", work.path("sum.json")], "row 0 sums to 0.9"),
        (["--table", work.path("range.json")], "row 1, column 0 is 1.5"),
        (["--table", work.path("size.json")], "2^n"),
        (["--table", work.path("order.json")], "not declared"),
        (["--table", work.path("label.json")], "labelled '1'"),
        (["--table", work.path("key.json")], "conectivity"),
        (["--table", work.path("never.json")], "no past state"),
        (["--table", work.path("stateless.json")], "--state"),
        (["--table", work.path("stateless.json"), "--state", "0,2"], "2 digits"),
        (["--table", work.path("absent.json")], "absent.json"),
        (["--spikes", work.path("none.h5"), "--nodes", "0,1"], "no spikes"),
        (["--spikes", work.path("none.h5"), "--nodes", "0,1", "--allow-silent"], "--end are needed"),
        (["--spikes", few, "--sample", "2x2", "--allow-silent"], "--nodes and --groups"),
        (["--spikes", work.path("nan.h5"), "--nodes", "0,1"], "spike 1: time nan"),
        (["--spikes", few, "--nodes", "0,77"], "node 77"),
        (["--spikes", few, "--sample", "2x9"], "9 neurons"),
        (["--spikes", few, "--nodes", "0-2", "--measures", "phi"], "allowed are MI1"),
        (["--spikes", few, "--nodes", "0-2", "--window", "100"], "--out"),
        (["--spikes", few, "--nodes", "0-2", "--window", "100", "--out", work.path("many.json")], "--out FILE.h5"),
        (["--spikes", few, "--nodes", "0-2", "--out", work.path("one.h5")], "may not end in .h5"),
        (["--spikes", work.path("half.h5"), "--nodes", "0,1"], "must be integers"),
        (["--spikes", work.path("list.h5"), "--nodes", "0,1"], "units: allowed are ms and s, not 50 strings"),
        (["--spikes", work.path("days.h5"), "--nodes", "0,1"], "units: allowed are ms and s, not days"),
        (["--spikes", work.path("number.h5"), "--nodes", "0,1"], "units: allowed are ms and s, not 1 integer"),
        (["--table", work.path("orders.h5")], "order holds 50 strings; one string is allowed"),
        (["--spikes", few], "--nodes and --sample"),
        (["--spikes", few, "--nodes", "0-2", "--window", "100", "--overwrite", "--out", few], "is a file that is read"),
        (["--table", work.path("stateless.json"), "--out", work.path("stateless.json")], "is a file that is read"),
        (["--spikes", few, "--sample", "4294967297x2"], "--sample 4294967297x2"),
        (["--spikes", few, "--sample", "1x4294967298"], "--sample 1x4294967298"),
        (["--spikes", few, "--nodes", "0-2", "--seed", "9223372036854775808"], "--seed 9223372036854775808"),
        (["--spikes", few, "--nodes", "0-2", "--window", "inf"], "a window of inf samples"),
        (["--spikes", few, "--nodes", "0-2", "--parts", "0,0,4294967297"], "numbers of parts, 0 to 2"),
        (["--spikes", few, "--nodes", "0-2", "--window", "100", "--complexes", "--model", "gaussian", "--out",
          work.path("few.out.h5")], "--complexes is for one network"),
        (["--spikes", few, "--nodes", "0-2", "--complexes"], "--complexes is for iit3, iit4, and"),
        (["--table", work.path("orders.csv")], "orders.csv:2: an order again"),
        (["--table", work.path("behind.csv")], "behind.csv:3: an order behind rows"),
        (["--series", work.path("copy.csv")], "regularisation"),
        (["--series", work.path("nan.csv")], "nan.csv:2"),
        (["--series", work.path("copy.csv"), "--bogus"], "--bogus"),
        (["--series", work.path("copy.csv"), "--bin", "5"], "--bin and --allow-silent are for --spikes only"),
        (["--series", work.path("copy.csv"), "--prior", "1"], "--prior is for --model binary"),
        ([], "--table"),
    ]
    for options, words in cases:
        done = phi(*options)
        verdict.check(done.returncode == 2 and words in done.stderr
                      and done.stderr.count("shinkei: error") == 1,
                      f"refused: {words}" + ("" if words in done.stderr else f"; said {done.stderr}"))
    for out, words in ((work.path("absent/a.json"), "a.json cannot be written: No such file"),
                       (work.path("."), "cannot be written: Is a directory")):
        done = phi("--table", work.path("not_read.json"), "--out", out)
        verdict.check(done.returncode == 3 and words in done.stderr, f"before anything is read: {words}")
    done = phi("--spikes", few, "--nodes", "0-2", "--bin", "30", "--window", "100", "--out", work.path("few30.h5"))
    verdict.check("--window 100 is no multiple of 30; 90 is taken" in done.stderr, "a rounded window is told")
    done = phi("--series", work.path("copy.csv"), "--regularise", "0.01", "--bootstrap", "0")
    verdict.check(done.returncode == 0 and json.loads(done.stdout)["regularisation"] == 0.01,
                  "a singular covariance is regularised where asked, and the report says so")
    with open(work.path("cut.json"), "w", encoding="utf-8") as file:
        json.dump({**tables["stateless.json"], "state": [0, 0], "cm": [[0, 1], [0, 0]]}, file)
    done = phi("--table", work.path("cut.json"), "--measures", "iit4")
    verdict.check(values(done) == {"iit4": 0} and "were averaged out" in done.stderr
                  and "were averaged out" in json.loads(done.stdout)["warning"],
                  "what the connectivity leaves out of the table is warned of")
    help_text = phi("--help").stdout
    verdict.check(all(word in help_text for word in ("little-endian", "earth mover", "prior", "ties")),
                  "--help states the definitions")


def main():
    verdict = Verdict()
    with Workspace() as work:
        check_tables(verdict, work)
        check_emergence(verdict, work)
        check_experiments_and_pictures(verdict, work)
        check_spikes(verdict, work)
        check_series(verdict, work)
        check_groups(verdict, work)
        check_many(verdict, work)
        check_bad_input(verdict, work)
        check_info(verdict, work)
    verdict.finish()


if __name__ == "__main__":
    main()
