"""Measures what a large network takes beside its runs: `./run bench --life [NAME …]`.

Builds (kernels timed with an empty cache, from that cache, the first that accept), loading beside reading the file, a
stripped plan, and the most anonymous memory of a build, of refits and of refits in place, over the bytes of the packed
weights. Each in a process of its own. The limits are goals, printed beside the figures; nothing fails.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import tenon
from anonymous import Anonymous

ROOT = pathlib.Path(__file__).parent.parent
GRAPHS = ROOT / "tests" / "data" / "graphs"
sys.path.insert(0, str(ROOT / "tests" / "models"))

from filled import filled  # noqa: E402  (after the path is set)

NETWORKS = ["resnet50.ts", "vgg16.ts", "bert_base.ts"]
CACHED = {"timed, s", "from the tactic cache, s"}  # share a cache; the others find an empty one
TIMED = {"resnet50.ts": 5}  # seconds; else 10
LIMITS = {
    "from the tactic cache, s": 1.5,
    "tactics=first, s": 1,
    "load / read": 2,
    "stripped plan / full": 0.01,
    "peak of a build / slots": 1.3,
    "peak of refits / slots": 2.1,
    "peak of a build and refits in place / slots": 1.3,
}


def seconds_of(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


# --- in a process of its own: each prints a number


def build(file, tactics):
    return seconds_of(lambda: tenon.build(file, tactics=tactics))


def save(file):
    """The plans that the others load, and the ratio of their bytes."""
    engine = tenon.build(file, tactics="first")
    engine.save(file.with_suffix(".plan"))
    engine.save(file.with_suffix(".stripped"), strip=True)
    return file.with_suffix(".stripped").stat().st_size / file.with_suffix(".plan").stat().st_size


def load(file):
    """In turn with reading the same bytes, which are in the page cache; the memory of both is fresh."""
    plan = file.with_suffix(".plan")
    plan.read_bytes()
    pairs = [(seconds_of(lambda: tenon.load(plan).close()), seconds_of(plan.read_bytes)) for _ in range(5)]
    return sorted(ours / theirs for ours, theirs in pairs)[2]


def peak(file, refits, **options):
    """The most anonymous memory of a build and so many refits, over the bytes of all slots."""
    with Anonymous() as taken:
        engine = tenon.build(file, **options)
        for _ in range(refits):
            engine.refit(file, complete=True)
    return taken.added / engine.refit(file, complete=True).bytes


ROWS = {
    "timed, s": lambda file: build(file, "time"),
    "from the tactic cache, s": lambda file: build(file, "time"),
    "tactics=first, s": lambda file: build(file, "first"),
    "stripped plan / full": save,
    "load / read": load,
    "peak of a build / slots": lambda file: peak(file, 0),
    "peak of refits / slots": lambda file: peak(file, 3, tactics="first"),
    "peak of a build and refits in place / slots": lambda file: peak(file, 3, tactics="first", memory="in_place"),
}


def measured(row, file):
    cache = file.parent / ("cache" if row in CACHED else row.replace("/", "-"))
    command = [sys.executable, __file__, "--row", row, file]
    done = subprocess.run(command, env={**os.environ, "TENON_CACHE_DIR": str(cache)}, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main(arguments):
    parser = argparse.ArgumentParser(prog="./run bench --life", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NETWORKS, help=f"networks ({', '.join(NETWORKS)})")
    parser.add_argument("--row", help=argparse.SUPPRESS)  # a child's work
    options = parser.parse_args(arguments)
    if options.row:
        return print(ROWS[options.row](pathlib.Path(options.names[0])))
    for name in options.names:
        if not (GRAPHS / f"{name}.onnx").exists():
            parser.error(f'no network "{name}" in {GRAPHS}')
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "model.onnx"
            file.write_bytes(filled(GRAPHS / f"{name}.onnx", 1))
            for row in ROWS:
                limit = LIMITS.get(row, TIMED.get(name, 10))
                print(json.dumps({"network": name, row: round(measured(row, file), 4), "limit": limit}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
