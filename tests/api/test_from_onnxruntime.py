"""docs/from_onnxruntime.md: both columns of every row are run, and answer the same."""

import logging
import pathlib
import re
import shutil

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from safetensors.numpy import load_file

import tenon

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "from_onnxruntime.md"
ROWS = [re.findall(r"`([^`]*)`", line) for line in PAGE.read_text().splitlines() if line.startswith("| `")]


@pytest.fixture
def folder(mnist, tmp_path, monkeypatch):
    """Where the page's files are."""
    shutil.copy(mnist / "lenet.onnx", tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    trained = load_file(mnist / "lenet_a.safetensors")
    for each in model.graph.initializer:
        each.CopyFrom(onnx.numpy_helper.from_array(trained[each.name], each.name))
    onnx.save(model, tmp_path / "trained.onnx")
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    ort.InferenceSession(tmp_path / "model.onnx", options)
    tenon.build(tmp_path / "model.onnx", tactics="first").save(tmp_path / "model.plan")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    logging.getLogger("tenon").setLevel(logging.NOTSET)
    ort.set_default_logger_severity(2)


def same(got, want):
    if isinstance(want, np.ndarray):
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
    else:
        assert got == want


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_both_columns_answer_the_same(row, folder, device):
    if device != "cpu":
        pytest.skip("the page builds for the CPU")
    theirs, ours = row[:2]
    x = np.random.default_rng(3).random((2, 1, 28, 28), dtype=np.float32)
    session = ort.InferenceSession("model.onnx")
    names = {"np": np, "ort": ort, "tenon": tenon, "logging": logging, "x": x}
    left, right = {**names, "session": session}, {**names, "engine": tenon.build("model.onnx", tactics="first")}
    exec(theirs, left)  # the page is ours
    exec(ours, right)
    if "y" in left:
        same(right["y"], left["y"])
    same(right["engine"](x), left["session"].run(None, {"input": x})[0])


def test_the_page_has_rows_for_what_people_do():
    assert len(ROWS) >= 15 and all(len(row) >= 2 for row in ROWS)
    for word in ("get_inputs", "io_binding", "SessionOptions", "refit", "save", "load"):
        assert any(word in " ".join(row) for row in ROWS)
