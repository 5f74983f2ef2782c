"""Runs beside refits: every output comes from exactly one version, and its number says which."""

import concurrent.futures
import pathlib
import threading
import time

import pytest
from filled import filled
from test_graphs import LARGE, inputs_of, skip_above

import tenon

GRAPHS = pathlib.Path(__file__).parent.parent / "data" / "graphs"
RUNNERS = 3


def bits(outputs):
    return b"".join(array.tobytes() for array in outputs.values())


def run_on(engine, inputs, answers, done):
    """Adds (version, bits) of each answer."""
    while not done.is_set():
        outputs = engine.run(inputs)
        answers.append((outputs.version, bits(outputs)))


def refit_beside(engine, files, times, answers, running):
    """Which file each version is of. Every version has answered before the next one comes; a runner ends only by an error."""
    of_version = {engine.version: 0}
    for turn in range(1, times + 1):
        version = engine.refit(files[turn % 2]).version
        of_version[version] = turn % 2
        while (not answers or answers[-1][0] < version) and not any(each.done() for each in running):
            time.sleep(0.001)
    return of_version


@pytest.mark.parametrize("name, refits", [("resnet18.ts", 8), ("bert_base.ts", 4)])
@pytest.mark.parametrize("options", [{}, {"memory": "in_place"}, {"sets": 3}], ids=["double", "in_place", "three"])
def test_every_answer_is_of_one_version_while_weights_change(name, refits, options, device, tmp_path):
    path = GRAPHS / f"{name}.onnx"
    skip_above(LARGE, path)
    files = [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    for seed, file in enumerate(files):
        file.write_bytes(filled(path, seed))
    engine = tenon.build(files[0], device=device, tactics="first", **options)
    inputs = inputs_of(engine, 1, 7)
    answers, done = [], threading.Event()
    with concurrent.futures.ThreadPoolExecutor(RUNNERS) as pool:
        running = [pool.submit(run_on, engine, inputs, answers, done) for _ in range(RUNNERS)]
        try:
            of_version = refit_beside(engine, files, refits, answers, running)
        finally:
            done.set()
        for each in running:
            each.result()
    wanted = []
    for file in files:
        engine.refit(file)
        wanted.append(bits(engine.run(inputs)))
    assert wanted[0] != wanted[1] and len({version for version, _ in answers}) >= refits
    assert all(made == wanted[of_version[version]] for version, made in answers)
