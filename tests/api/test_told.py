"""What engines tell without a run: notes that a plan keeps, and the extents of outputs."""

import pickle

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import tenon

F32, I64 = TensorProto.FLOAT, TensorProto.INT64


def model(nodes, inputs, outputs):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info(*i) for i in inputs], [helper.make_tensor_value_info(*o) for o in outputs]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def joined():
    """y [n, a + b] of x [n, a] and z [n, b], and where x is not zero."""
    return tenon.build(
        model(
            [helper.make_node("Concat", ["x", "z"], ["y"], axis=1), helper.make_node("NonZero", ["x"], ["at"])],
            [("x", F32, ["n", "a"]), ("z", F32, ["n", "b"])],
            [("y", F32, None), ("at", I64, None)],
        ),
        tactics="first",
    )


def test_extents_of_outputs_are_those_of_a_run(joined):
    x, z = np.ones((2, 3), np.float32), np.ones((2, 4), np.float32)
    told = joined.output_shapes({"x": x.shape, "z": z.shape})
    assert told == {"y": [2, 7], "at": [2, -1]}
    assert list(joined.run({"x": x, "z": z})["y"].shape) == told["y"]


def test_extents_that_do_not_fit_are_refused_as_a_run_would(joined):
    for shapes, text in (
        ({"x": (2, 3)}, '"z" is missing'),
        ({"x": (2, 3), "z": (5, 4)}, "axis 0 has 5 elements"),
        ({"x": (2, 3), "z": (2,)}, "rank 1"),
        ({"x": (2, 3), "z": (2, 4), "w": (1,)}, '"w" is not the network'),
    ):
        with pytest.raises(tenon.InputError, match=text):
            joined.output_shapes(shapes)


def test_notes_stay_with_a_plan(joined, tmp_path):
    assert joined.notes == {}
    joined.save(tmp_path / "m.plan", notes={"mine": "ä\n", "": ""})
    loaded = tenon.load(tmp_path / "m.plan")
    assert loaded.notes == {"mine": "ä\n", "": ""}
    assert tenon.load(loaded.to_bytes()).notes == loaded.notes == pickle.loads(pickle.dumps(loaded)).notes
    assert tenon.load(loaded.to_bytes(notes={})).notes == {}
    assert loaded.to_bytes(notes={}) == joined.to_bytes()
