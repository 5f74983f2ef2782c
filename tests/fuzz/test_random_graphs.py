"""The same few hundred random graphs each time; `./run check fuzz` takes others."""

import pathlib
import subprocess
import sys


def test_random_graphs_are_the_references(device):
    command = [sys.executable, pathlib.Path(__file__).parent / "graphs", "--seed", "0", "--count", "200", "--device", device]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
