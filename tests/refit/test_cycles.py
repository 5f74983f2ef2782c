"""Loads, refits, and both when they fail, again and again: memory, files and threads return to what they were.

More turns: `TENON_CYCLES=100000 ./run python -m pytest tests/refit`.
"""

import gc
import os
import pathlib

import numpy as np
import pytest

import tenon

CYCLES = int(os.environ.get("TENON_CYCLES", "1000" if os.environ.get("TENON_TEST_DEVICE", "cpu") == "cpu" else "200"))
SETTLED = 30  # turns until caches and the allocator's lists are full


def anonymous_bytes():
    gc.collect()
    lines = pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


def counts():
    return {what: len(os.listdir(f"/proc/self/{what}")) for what in ("fd", "task")}


@pytest.fixture
def turn(mnist, device, tmp_path, digits):
    """One turn of everything: each way in which a load or a refit can go."""
    plan = tmp_path / "lenet.plan"
    tenon.build(mnist / "lenet.onnx", device=device, tactics="first").save(plan)
    whole = plan.read_bytes()
    damaged = bytearray(whole)
    damaged[-100] ^= 1
    short = tmp_path / "short.safetensors"
    short.write_bytes((mnist / "lenet_a.safetensors").read_bytes()[:-1000])
    wrong = {"fc1.weight": np.zeros((500, 800), np.float32), "fc2.weight": np.zeros((3, 3), np.float32)}

    def run():
        with tenon.load(plan, device=device) as engine:
            engine.refit(mnist / "lenet_a.safetensors")
            engine(digits[:1])
            for refused in (wrong, {"no such weight": np.zeros(3, np.float32)}, short):
                with pytest.raises(tenon.Error):
                    engine.refit(refused)
            engine.refit({"fc1.bias": np.zeros(500, np.float32)})
        for bad in (bytes(damaged), whole[:-1000], whole[:100]):
            with pytest.raises(tenon.Error):
                tenon.load(bad, device=device)

    return run


def test_memory_returns_to_its_start_whatever_fails(turn):
    for _ in range(SETTLED):
        turn()
    before, open_before = anonymous_bytes(), counts()
    for _ in range(CYCLES):
        turn()
    assert counts() == open_before
    grown = anonymous_bytes() - before
    assert grown < 3 << 20, f"{grown / CYCLES:.0f} bytes a turn"
