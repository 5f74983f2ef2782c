"""Runs beside refits: every output comes from exactly one version, and its number says which."""

import concurrent.futures
import pathlib
import time

import pytest
from filled import filled
from test_graphs import LARGE, inputs_of, skip_above

import tenon

GRAPHS = pathlib.Path(__file__).parent.parent / "data" / "graphs"
RUNNERS = 3


def runs_until(stop, engine, inputs):
    """(version, bits) of each answer."""
    answers = []
    while time.monotonic() < stop:
        made = engine.run(inputs)
        answers.append((made.version, b"".join(array.tobytes() for array in made.values())))
    return answers


@pytest.mark.parametrize("name, seconds", [("resnet18.ts", 1), ("bert_base.ts", 12)])
@pytest.mark.parametrize("options", [{}, {"memory": "in_place"}, {"sets": 3}], ids=["double", "in_place", "three"])
def test_every_answer_is_of_one_version_while_weights_change(name, seconds, options, device, tmp_path):
    path = GRAPHS / f"{name}.onnx"
    skip_above(LARGE, path)
    files = [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    for seed, file in enumerate(files):
        file.write_bytes(filled(path, seed))
    engine = tenon.build(files[0], device=device, tactics="first", **options)
    inputs = inputs_of(engine, 1, 7)
    of_version = {engine.version: 0}
    stop = time.monotonic() + seconds
    with concurrent.futures.ThreadPoolExecutor(RUNNERS) as pool:
        running = [pool.submit(runs_until, stop, engine, inputs) for _ in range(RUNNERS)]
        while time.monotonic() < stop:
            which = len(of_version) % 2
            of_version[engine.refit(files[which]).version] = which
        answers = [answer for each in running for answer in each.result()]
    wanted = []
    for file in files:
        engine.refit(file)
        wanted.append(b"".join(array.tobytes() for array in engine.run(inputs).values()))
    assert wanted[0] != wanted[1]
    assert len({version for version, _ in answers}) > 2, "no refit came between the runs"
    assert all(bits == wanted[of_version[version]] for version, bits in answers)
