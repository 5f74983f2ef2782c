"""State dicts of torch's models refit exports under their own names, where the exporter kept those."""

import pathlib

import laws
import numpy as np
import onnx
import onnxruntime
import pytest
from filled import filled, untied
from onnx import numpy_helper

import tenon

DATA = pathlib.Path(__file__).parent.parent / "data"
RAW = DATA / "graphs" / "resnet18.raw.onnx"


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    """resnet18.raw with 102 weights of its own, 72 of which were merged."""
    path = tmp_path_factory.mktemp("untied") / "untied.onnx"
    path.write_bytes(untied(RAW, 5))
    return path


@pytest.fixture(scope="module")
def state_dict(apart):
    """As torch gives it: with a count beside every mean."""
    arrays = {each.name: numpy_helper.to_array(each) for each in onnx.load(apart).graph.initializer}
    floats = {name: array for name, array in arrays.items() if array.dtype == np.float32}
    means = [name for name in floats if name.endswith("running_mean")]
    return floats | {name.replace("running_mean", "num_batches_tracked"): np.array(7) for name in means}


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(7).standard_normal((1, 3, 224, 224)).astype(np.float32)


def test_what_an_exporter_merged_comes_apart_again(device, apart, state_dict, image):
    distinct = {array.tobytes() for name, array in state_dict.items() if "num_batches" not in name}
    assert len(distinct) == 102
    engine = tenon.build(filled(RAW, 1), device=device, tactics="first")
    report = engine.refit(state_dict, complete=True)
    assert len(report.changed) == 102 and len(report.ignored) == 20
    session = onnxruntime.InferenceSession(str(apart), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    got, want = engine.run({name: image})[session.get_outputs()[0].name], session.run(None, {name: image})[0]
    assert np.linalg.norm(got - want) / np.linalg.norm(want) < 1e-5


def test_compiled_from_shapes_alone_and_filled_it_has_the_bits_of_a_build(device, apart, state_dict, image, tmp_path):
    hollow = tenon.build(RAW, weights=None, device=device, tactics="first")
    hollow.save(tmp_path / "hollow.plan", strip=True)
    filled_later = tenon.load(tmp_path / "hollow.plan", device=device)
    filled_later.refit(state_dict)
    built = tenon.build(apart, device=device, tactics="first")
    name = built.inputs[0].name
    assert laws.bits(filled_later, {name: image}) == laws.bits(built, {name: image})


def test_the_laws_hold_between_merged_weights_and_those_that_came_apart(device, apart, image, tmp_path):
    merged = tmp_path / "merged.onnx"
    merged.write_bytes(filled(RAW, 1))
    name = onnx.load(apart).graph.input[0].name
    laws.hold(merged, apart, {name: image}, device, tmp_path)


def test_a_raw_export_has_the_names_of_torchvisions_state_dict(device):
    listed = [line.split() for line in (DATA / "weights" / "resnet50.txt").read_text().splitlines()]
    engine = tenon.build(DATA / "graphs" / "resnet50.raw.onnx", device=device, tactics="first", weights=None)
    assert {name: list(weight.shape) for name, weight in engine.weights.items()} == {
        name: [int(extent) for extent in extents] for name, *extents in listed
    }


@pytest.mark.parametrize("export, own", [("resnet18.ts", 42), ("resnet18.dynamo", 22)])
def test_a_folded_export_keeps_its_own_names_and_refuses_others_without_a_guess(device, state_dict, export, own):
    """Its batch normalisations are in its convolutions: torch's conv1.weight would be another thing under the same name."""
    engine = tenon.build(filled(DATA / "graphs" / f"{export}.onnx", 1), device=device, tactics="first")
    assert len(engine.weights) == own
    version = engine.version
    with pytest.raises(tenon.RefitError) as refused:
        engine.refit(state_dict)
    *problems, hint = refused.value.problems
    assert all("is not in this engine" in problem for problem in problems) and "exported with folding" in hint
    unknown = {name for name in state_dict if name not in engine.weights and "num_batches" not in name}
    assert len(problems) == len(unknown) > 70 and engine.version == version
    assert ('"onnx::Conv_193"' in hint) == (export == "resnet18.ts")
