"""A limit of threads holds for the work of the thread that set it."""

import pathlib
import subprocess
import sys

import pytest

import tenon

# Threads of the pool begin when work first asks for them: their number tells what it asked for.
SCRIPT = """
import os
import numpy as np
import tenon
from linear import linear_network

def threads():
    return len(os.listdir("/proc/self/task"))

x = np.ones((512, 512), np.float32)
with tenon.ThreadLimit(1):
    tenon.build(linear_network(), tactics="first")  # whoever waits for Ctrl-C begins
    before = threads()
    with tenon.ThreadLimit(2), tenon.ThreadLimit(1):
        pass
    engine = tenon.build(linear_network(x, x[0]), tactics="first", threads=4)
    engine.refit({"w": x})
    limited = engine(x=x)
assert threads() == before, (threads(), before)
free = engine(x=x)
assert threads() > before
assert np.array_equal(limited, free)
"""


def test_a_limit_bounds_builds_refits_and_runs():
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=pathlib.Path(__file__).parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_limit_of_none_is_refused():
    with pytest.raises(tenon.InputError, match="1 is the least"):
        tenon.ThreadLimit(0)
