"""Run shinkei in an experiment; what is wrong ends in one line. SHINKEI names the program (default:
build/shinkei, then the one in PATH)."""
import json
import os
import shutil
import subprocess


def find():
    named = os.environ.get("SHINKEI")
    built = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build", "shinkei")
    for path in [shutil.which(named)] if named else [built, shutil.which("shinkei")]:
        if path and os.path.isfile(path) and os.access(path, os.X_OK):
            return os.path.realpath(path)  # jobs/ may be a link
    if named:
        raise SystemExit(f"SHINKEI={named}: is no program")
    raise SystemExit("no shinkei: build it first (README), or set SHINKEI")


def run(*arguments):
    """What it prints."""
    done = subprocess.run([find(), *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"shinkei {arguments[0]} failed with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def measure_table(table, folder, measures, *options):
    """{measure: what shinkei phi reports} of a table, which is in `folder` meanwhile."""
    path = os.path.join(folder, "table.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(table, file)
    report = run("phi", "--table", path, "--measures", measures, *options)
    os.remove(path)
    return json.loads(report)["measures"]


def add_output_folder(parser, default):
    """The first argument of an experiment, for argparse; made where it is not there."""
    def folder(text):
        try:
            os.makedirs(text, exist_ok=True)
        except OSError as problem:
            raise SystemExit(f"{text}: {problem.strerror}") from None
        return text
    parser.add_argument("out", nargs="?", type=folder, default=default, metavar="FOLDER",
                        help="where results are put; default: beside this script")
