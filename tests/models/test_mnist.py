"""The two real networks, on real digits."""

import numpy as np
import onnx
import onnxruntime
import pytest
from safetensors.numpy import load_file

import tenon

SOME = 300
CHECKPOINTS = ["lenet_a.safetensors", "lenet_b.safetensors"]


def distance(got, want):
    """DESIGN's measure of a model's output."""
    return np.linalg.norm(got - want) / np.linalg.norm(want)


@pytest.fixture(scope="module", params=["first", "time"])
def built(request, mnist, device):
    return tenon.build(mnist / "lenet.onnx", device=device, tactics=request.param)


def test_lenet_answers_as_onnxruntime(built, mnist, digits, by_onnxruntime):
    built.reset()
    want = by_onnxruntime(mnist / "lenet.onnx", digits[:SOME])
    assert distance(built(digits[:SOME]), want) < 1e-5


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_refitted_lenet_answers_as_onnxruntime_with_those_weights(
    built, mnist, digits, by_onnxruntime, lenet_with, checkpoint
):
    built.refit(mnist / checkpoint)
    want = by_onnxruntime(lenet_with(checkpoint), digits[:SOME])
    assert distance(built(digits[:SOME]), want) < 1e-5


# The data's README has the figures: random 10.90 %, a 99.05 %, b 99.30 % of the 2,000 held back.
@pytest.mark.parametrize("checkpoint, right", [(None, 0.1090), ("lenet_a.safetensors", 0.9905), ("lenet_b.safetensors", 0.9930)])  # fmt: skip
def test_lenet_reads_the_digits_that_training_never_saw(built, mnist, digits, labels, checkpoint, right):
    if checkpoint:
        built.refit(mnist / checkpoint)
    else:
        built.reset()
    given = built(digits[8000:]).argmax(axis=1)
    assert np.mean(given == labels[8000:]) == pytest.approx(right, abs=1e-9)


def test_mnist8_answers_as_onnxruntime(mnist, device, pixels, labels):
    model = mnist / "mnist-8-simplified.onnx"
    engine = tenon.build(model, device=device)
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    images = pixels[8000 : 8000 + SOME].astype(np.float32)
    got = np.concatenate([engine(image[None]) for image in images])
    want = np.concatenate([session.run(None, {"Input3": image[None]})[0] for image in images])
    assert distance(got, want) < 1e-5
    assert np.mean(got.argmax(axis=1) == labels[8000 : 8000 + SOME]) > 0.97


def test_mnist8_takes_weights_of_the_same_network(mnist, device, pixels, by_onnxruntime):
    path = mnist / "mnist-8-simplified.onnx"
    model = onnx.load(path)
    engine = tenon.build(path, device=device)
    arrays = {name: weight.numpy() * np.float32(0.75) for name, weight in engine.weights.items()}
    for initializer in model.graph.initializer:
        if initializer.name in arrays:
            initializer.CopyFrom(onnx.numpy_helper.from_array(arrays[initializer.name], initializer.name))
    engine.refit(arrays)
    image = pixels[:1].astype(np.float32)
    assert distance(engine(image), by_onnxruntime(model.SerializeToString(), image)) < 1e-5


# --- bits


def trained_answer(mnist, device, lenet_with, images):
    """Of an engine that was built with the weights: what every other way must give, bit for bit."""
    return tenon.build(lenet_with("lenet_a.safetensors"), device=device, tactics="first")(images)


def test_refitting_gives_the_bits_of_a_build(lenet, mnist, device, lenet_with, digits):
    want = trained_answer(mnist, device, lenet_with, digits[:SOME])
    lenet.refit(mnist / "lenet_b.safetensors")
    lenet.refit(mnist / "lenet_a.safetensors")
    assert np.array_equal(lenet(digits[:SOME]), want)


def test_partial_refits_add_up_to_the_full_one(lenet, mnist, device, lenet_with, digits):
    want = trained_answer(mnist, device, lenet_with, digits[:SOME])
    arrays = load_file(mnist / "lenet_a.safetensors")
    for names in (["fc1.weight"], ["conv2.bias", "conv1.weight"], ["fc2.bias"], list(arrays)[:6], list(arrays)):
        lenet.refit({name: arrays[name] for name in names})
    assert np.array_equal(lenet(digits[:SOME]), want)


def test_saving_and_loading_keeps_the_bits(lenet, mnist, device, lenet_with, digits, tmp_path):
    want = trained_answer(mnist, device, lenet_with, digits[:SOME])
    lenet.refit(mnist / "lenet_a.safetensors")
    lenet.save(tmp_path / "a.plan")
    loaded = tenon.load(tmp_path / "a.plan", device=device)
    assert np.array_equal(loaded(digits[:SOME]), want)
    loaded.refit(mnist / "lenet_b.safetensors")
    loaded.refit(mnist / "lenet_a.safetensors")
    assert np.array_equal(loaded(digits[:SOME]), want)


def test_a_stripped_plan_filled_keeps_the_bits(lenet, mnist, device, lenet_with, digits, tmp_path):
    want = trained_answer(mnist, device, lenet_with, digits[:SOME])
    plan, onnx_file = tmp_path / "stripped.plan", tmp_path / "a.onnx"
    onnx_file.write_bytes(lenet_with("lenet_a.safetensors"))
    lenet.save(plan, strip=True)
    fillings = [mnist / "lenet_a.safetensors", onnx_file, load_file(mnist / "lenet_a.safetensors")]
    for filling in fillings:
        filled = tenon.load(plan, device=device)
        assert not filled.ready
        filled.refit(filling)
        assert np.array_equal(filled(digits[:SOME]), want)
        plan = tmp_path / "again.plan"
        filled.save(plan, strip=True)  # and stripped again, for ever


def test_no_byte_of_a_weight_stays_in_a_stripped_plan(lenet, mnist, tmp_path):
    lenet.refit(mnist / "lenet_a.safetensors")
    lenet.save(tmp_path / "full.plan")
    lenet.save(tmp_path / "stripped.plan", strip=True)
    full, stripped = ((tmp_path / f"{name}.plan").read_bytes() for name in ("full", "stripped"))
    for name, array in load_file(mnist / "lenet_a.safetensors").items():
        for run in (array.tobytes()[:16], array.tobytes()[-16:]):
            assert run in full and run not in stripped, name


def test_every_pass_can_be_left_out(mnist, device, digits, by_onnxruntime):
    want = by_onnxruntime(mnist / "lenet.onnx", digits[:20])
    for without in (*([name] for name in tenon.pass_names()), tenon.pass_names()):
        engine = tenon.build(mnist / "lenet.onnx", device=device, without=without, tactics="first")
        assert distance(engine(digits[:20]), want) < 1e-5, without


# --- shapes


def test_one_engine_takes_batches_of_any_size(lenet, digits):
    one_by_one = np.concatenate([lenet(digits[i : i + 1]) for i in range(40)])
    for batch in (1, 2, 3, 7, 16, 33, 40, 2, 1):
        assert distance(lenet(digits[:batch]), one_by_one[:batch]) < 1e-6
    assert lenet(digits[:0]).shape == (0, 10)


def test_fixed_shapes_are_kept(mnist, device, digits):
    engine = tenon.build(mnist / "lenet.onnx", device=device, tactics="first", shapes={"input": (4, 1, 28, 28)})
    assert engine.inputs[0].shape == (4, 1, 28, 28) and engine.outputs[0].shape == (4, 10)
    assert engine(digits[:4]).shape == (4, 10)
    with pytest.raises(tenon.InputError, match="input"):
        engine(digits[:3])


def test_ranges_bound_the_batch(mnist, device, digits):
    engine = tenon.build(mnist / "lenet.onnx", device=device, tactics="first", shapes={"input": ((2, 4, 8), 1, 28, 28)})
    free = tenon.build(mnist / "lenet.onnx", device=device, tactics="first")
    for batch in (2, 5, 8):
        assert distance(engine(digits[:batch]), free(digits[:batch])) < 1e-6
    for batch in (1, 9):
        with pytest.raises(tenon.InputError, match="input"):
            engine(digits[:batch])


def test_names_are_shown(mnist, device, digits):
    engine = tenon.build(
        mnist / "lenet.onnx", device=device, tactics="first", shapes={"input": ("batch", 1, 28, 28)}
    )
    assert engine.inputs[0].shape == ("batch", 1, 28, 28) and engine.outputs[0].shape == ("batch", 10)
    assert engine(digits[:3]).shape == (3, 10)
