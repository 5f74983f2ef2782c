"""The engine in Python: building, running, its weights, refitting, plans."""

import copy
import gc
import io
import json
import pickle
import threading
import weakref

import ml_dtypes
import numpy as np
import onnx
import pytest
import safetensors
from linear import B, W, X, linear_engine
from onnx import helper
from safetensors.numpy import save_file

import tenon

# --- building


def test_importing_needs_no_other_package():
    import subprocess
    import sys

    code = "import sys, tenon; print([m for m in ('numpy', 'onnx', 'torch', 'ml_dtypes') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_a_model_is_a_path_its_bytes_or_a_network(mnist, device, digits, lenet):
    path = mnist / "lenet.onnx"
    want = lenet(digits[:4])
    for model in (str(path), path, path.read_bytes()):
        assert np.array_equal(tenon.build(model, device=device, tactics="first")(digits[:4]), want)


def test_network_is_the_mnist_network_in_a_dozen_lines(mnist, device, digits, trained, lenet):
    net = tenon.Network()
    w = {name: net.weight(name, array) for name, array in trained.items()}
    x = net.input("input", ["n", 1, 28, 28])
    for conv in ("conv1", "conv2"):
        x = net.max_pool(net.conv(x, w[f"{conv}.weight"], w[f"{conv}.bias"]), [2, 2], strides=[2, 2])
    x = net.reshape(x, [0, 800])
    x = net.relu(net.matmul(x, w["fc1.weight"], w["fc1.bias"], transpose_b=True))
    net.output("output", net.matmul(x, w["fc2.weight"], w["fc2.bias"], transpose_b=True))
    by_hand = tenon.build(net, device=device, tactics="first")
    lenet.refit(trained)
    assert np.allclose(by_hand(digits[:50]), lenet(digits[:50]), rtol=1e-5, atol=1e-5)
    assert list(by_hand.weights) == list(lenet.weights)


def test_network_weights_may_come_later(device):
    net = tenon.Network()
    w = net.weight("w", (3, 4), "float32")
    net.output("y", net.matmul(net.input("x", ["n", 3]), w, net.constant("b", B)))
    engine = tenon.build(net, device=device)
    assert not engine.ready and engine.version == 0
    with pytest.raises(tenon.NotReadyError):
        engine(X)
    engine.refit({"w": W})
    assert engine.ready
    assert np.array_equal(engine(X), X @ W + B)


def test_network_options_reach_their_ops(device):
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((1, 4, 9, 9), np.float32), rng.standard_normal((6, 2, 3, 3), np.float32)
    net = tenon.Network()
    conv = net.conv(
        net.input("x", [1, 4, 9, 9]), net.weight("w", w), strides=[2, 1], pads=[1, 0, 1, 2], dilations=[1, 2], groups=2
    )
    net.output("y", net.max_pool(conv, [3, 3], strides=[2, 2], pads=[1, 1, 0, 0], ceil_mode=True))
    got = tenon.build(net, device=device)(x)
    node = [
        helper.make_node("Conv", ["x", "w"], ["c"], strides=[2, 1], pads=[1, 0, 1, 2], dilations=[1, 2], group=2),
        helper.make_node("MaxPool", ["c"], ["y"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 0], ceil_mode=1),
    ]
    want = run_onnxruntime(node, {"x": x, "w": w})
    assert got.shape == want.shape and np.allclose(got, want, rtol=1e-5, atol=1e-5)


def run_onnxruntime(nodes, feeds):
    import onnxruntime

    return onnxruntime.InferenceSession(model_of(nodes, feeds)).run(None, feeds)[0]


def model_of(nodes, inputs, outputs=("y",), initializers=()):
    values = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for name, x in inputs.items()
    ]
    results = [helper.make_empty_tensor_value_info(name) for name in outputs]
    graph = helper.make_graph(nodes, "g", values, results, list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=8).SerializeToString()


def test_refit_says_which_leaves_are_weights(device):
    frozen = linear_engine(device, W, B, refit="none")
    assert frozen.weights == {} and set(frozen.constants) == {"w", "b"}
    assert np.array_equal(frozen(X), X @ W + B)
    some = linear_engine(device, W, B, refit=["w"])
    assert list(some.weights) == ["w"] and list(some.constants) == ["b"]
    some.refit({"w": 2 * W})
    assert np.array_equal(some(X), X @ (2 * W) + B)
    assert isinstance(some.constants["b"], str) and some.constants["b"]


def test_a_weight_is_an_array_or_a_shape_with_a_dtype():
    net = tenon.Network()
    for value, dtype in [((2, 3), None), ([2, 3], None), (np.array([2, 3]), "f32"), (B, "f32")]:
        with pytest.raises(tenon.InputError, match="with a dtype, give a shape"):
            net.weight("w", value, dtype)
    with pytest.raises(tenon.BuildError, match='"w"'):
        net.weight("w", (2**40, 2**40), "f32")


def test_values_of_a_network_that_is_gone_are_refused():
    for _ in range(20):  # a new network often takes the memory of the last
        value = tenon.Network().input("x", [1])
        with pytest.raises(tenon.BuildError, match="another network"):
            tenon.Network().relu(value)


def test_an_unfinished_network_prints():
    net = tenon.Network()
    net.relu(net.input("x", ["n", 3]))
    assert "x: f32[n, 3]" in str(net)


def test_a_network_may_grow_while_it_is_built(device):
    net = tenon.Network()
    x = y = net.input("x", [4])
    net.output("y", net.relu(x))
    over = threading.Event()

    def grow():
        nonlocal y
        while not over.wait(0.0001):  # as fast as can be, it would outgrow the builds, which copy it
            y = net.relu(y)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(20):
            engine = tenon.build(net, device=device, tactics="first")
    finally:
        over.set()
        thread.join()
    assert np.array_equal(engine(np.float32([-1, 0, 1, 2])), [0, 0, 1, 2])


def test_without_leaves_passes_out(device):
    assert "batch_norm" in tenon.pass_names()
    for without in ("bias", ["bias", "epilogue"], ()):
        assert np.array_equal(linear_engine(device, W, B, without=without)(X), X @ W + B)


def test_threads_are_as_asked_for(device):
    for threads in (None, 1, 2):
        assert np.array_equal(linear_engine(device, W, B, threads=threads)(X), X @ W + B)


# --- running


def test_arrays_by_position_and_by_name(linear):
    assert np.array_equal(linear(X), X @ W + B)
    assert np.array_equal(linear(x=X), X @ W + B)


def test_run_gives_a_dict_with_the_version(linear):
    outputs = linear.run({"x": X})
    assert isinstance(outputs, dict) and list(outputs) == ["y"]
    assert outputs.version == linear.version == 1
    assert np.array_equal(outputs["y"], X @ W + B)


def test_several_outputs_are_a_tuple_in_order(device):
    nodes = [helper.make_node("Neg", ["a"], ["z"]), helper.make_node("Sub", ["a", "b"], ["y"])]
    a, b = np.float32([1, 2]), np.float32([5, 7])
    engine = tenon.build(model_of(nodes, {"a": a, "b": b}, ("z", "y")), device=device)
    assert [port.name for port in engine.outputs] == ["z", "y"]
    for z, y in (engine(a, b), engine(a, b=b), engine(b=b, a=a)):
        assert np.array_equal(z, -a) and np.array_equal(y, a - b)


def test_ports_have_name_dtype_and_shape(linear):
    (x,), (y,) = linear.inputs, linear.outputs
    assert (x.name, x.dtype, x.shape) == ("x", np.dtype("float32"), ("n", 3))
    assert (y.name, y.dtype, y.shape) == ("y", np.dtype("float32"), ("n", 4))
    assert "float32" in repr(x)


def test_outputs_are_fresh(linear):
    first = linear(X)
    kept = first.copy()
    second = linear(2 * X)
    assert not np.shares_memory(first, second)
    assert np.array_equal(first, kept) and first.flags.writeable


def test_out_is_written_in_place(linear):
    out = np.zeros((1, 4), np.float32)
    outputs = linear.run({"x": X}, out={"y": out})
    assert outputs["y"] is out and outputs.version == 1
    assert np.array_equal(out, X @ W + B)


@pytest.mark.parametrize(
    "out",
    [
        {"y": np.zeros((1, 5), np.float32)},
        {"y": np.zeros((1, 4), np.float64)},
        {"y": np.zeros((4, 1), np.float32).T[:, ::-1]},
        {"z": np.zeros((1, 4), np.float32)},
        {"y": np.frombuffer(bytes(16), np.float32).reshape(1, 4)},
        {"y": [[0.0] * 4]},
    ],
)
def test_an_out_that_does_not_fit_is_refused(linear, out):
    with pytest.raises(tenon.InputError):
        linear.run({"x": X}, out=out)
    assert np.array_equal(linear(X), X @ W + B)


def test_outs_that_overlap_are_refused(device):
    net = tenon.Network()
    x = net.input("x", [4])
    net.output("y", x)
    net.output("z", net.relu(x))
    engine = tenon.build(net, device=device)
    memory = np.zeros(8, np.float32)
    inputs = {"x": np.float32([-1, -2, 3, 4])}
    for start in range(4):
        with pytest.raises(tenon.InputError, match='out "y": overlaps out "z"'):
            engine.run(inputs, out={"y": memory[:4], "z": memory[start : start + 4]})
    engine.run(inputs, out={"y": memory[:4], "z": memory[4:]})
    assert np.array_equal(memory, [-1, -2, 3, 4, 0, 0, 3, 4])


def test_a_set_without_weights_runs_nothing(linear, device, tmp_path):
    linear.save(tmp_path / "stripped.plan", strip=True)
    engine = tenon.load(tmp_path / "stripped.plan", device=device)
    empty = engine.current
    engine.refit({"w": W, "b": B})
    with pytest.raises(tenon.InputError, match="not ready"):
        engine.run({"x": X}, weights=empty)


def test_run_takes_a_given_set_of_weights(linear):
    old = linear.current
    linear.refit({"b": B + 1})
    new = linear.run({"x": X})
    before = linear.run({"x": X}, weights=old)
    assert (before.version, new.version) == (1, 2)
    assert np.array_equal(before["y"], X @ W + B) and np.array_equal(new["y"], X @ W + B + 1)
    out = np.zeros((1, 4), np.float32)
    assert linear.run({"x": X}, {"y": out}, old).version == 1
    assert np.array_equal(out, X @ W + B)


# --- weights


def test_weights_are_a_mapping(lenet, mnist):
    values = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(mnist / "lenet.onnx").graph.initializer}
    assert {name: (w.dtype, w.shape) for name, w in lenet.weights.items()} == {
        name: (array.dtype, array.shape) for name, array in values.items() if array.dtype == np.float32
    }
    for name, weight in lenet.weights.items():
        assert weight.name == name and not weight.guarded
        assert np.array_equal(weight.numpy(), values[name])
        assert weight.slots and weight.kernels
        assert weight.digest.startswith("xxh3:")


def test_digests_follow_the_values(lenet, trained):
    before = {name: w.digest for name, w in lenet.weights.items()}
    lenet.refit({"fc1.bias": trained["fc1.bias"]})
    changed = [name for name, w in lenet.weights.items() if w.digest != before[name]]
    assert changed == ["fc1.bias"]
    lenet.reset()
    assert {name: w.digest for name, w in lenet.weights.items()} == before


def test_a_read_weight_is_a_copy(linear):
    linear.weights["b"].numpy()[:] = 99
    assert np.array_equal(linear(X), X @ W + B)


def test_publish_goes_back_and_forth(linear):
    first = linear.current
    assert first.version == linear.version == 1
    linear.refit({"b": B + 1})
    second = linear.current
    linear.publish(first)
    assert linear.version == 1 and np.array_equal(linear(X), X @ W + B)
    linear.publish(second)
    assert linear.version == 2 and np.array_equal(linear(X), X @ W + B + 1)


def test_a_set_of_another_engine_is_refused(linear, device):
    other = linear_engine(device, W, B)
    with pytest.raises(tenon.Error) as refused:
        linear.publish(other.current)
    assert refused.value.code == "invalid_input"
    with pytest.raises(tenon.Error):
        linear.run({"x": X}, weights=other.current)


# --- refitting


def test_the_report_says_what_was_done(linear):
    report = linear.refit({"w": 3 * W})
    assert report.changed == ["w"] and report.ignored == [] and report.overflowed == {}
    assert report.version == linear.version == 2
    assert report.seconds > 0 and report.bytes >= W.nbytes
    assert "version=2" in repr(report)


def test_given_names_become_the_engines(linear, tmp_path):
    save_file({"module.w": 2 * W, "module.b": 2 * B, "module.ema": B}, tmp_path / "ddp.safetensors")
    report = linear.refit(tmp_path / "ddp.safetensors", prefix="module.", ignore="e*", complete=True, strict=True)
    assert report.changed == ["b", "w"] and report.kept == [] and report.ignored == ["module.ema"]
    (tmp_path / "names.json").write_text(json.dumps({"kernel": "w"}))
    for rename in ({"kernel": "w"}, lambda name: "w" if name == "kernel" else name, tmp_path / "names.json"):
        report = linear.refit({"kernel": 3 * W}, rename=rename)
        assert report.changed == ["w"] and report.kept == ["b"]
        np.testing.assert_array_equal(linear.weights["w"].numpy(), 3 * W)
        refitter = linear.refitter(rename=rename)
        refitter.set("kernel", W)
        assert refitter.commit().changed == ["w"]
    assert linear.refit({"w": W, "b": B}, only=["w"]).reasons == {"b": "only does not name it"}


@pytest.mark.parametrize(
    ("weights", "options", "problem"),
    [
        ({"model.w": W, "model.b": B}, {}, 'weights: without "model." before them, all unknown names fit; give prefix="model."'),
        ({"w": W}, {"complete": True}, 'weights: "b" is not given (complete)'),
        ({"v": W, "w": W}, {"rename": {"v": "w"}}, 'weights: "v" and "w" both become "w"; rename one of them'),
    ],
)
def test_names_that_do_not_fit_change_nothing(linear, weights, options, problem):
    with pytest.raises(tenon.RefitError) as refused:
        linear.refit(weights, **options)
    assert problem in refused.value.problems and linear.version == 1


def test_what_a_renaming_raises_comes_out(linear):
    with pytest.raises(ZeroDivisionError):
        linear.refit({"w": W}, rename=lambda name: 1 / 0)
    for wrong in (3, {"w": 3}, lambda name: None):
        with pytest.raises(tenon.InputError, match="rename"):
            linear.refit({"w": W}, rename=wrong)


class Moves:
    """As a torch parameter: one object, whose memory may be another's tomorrow."""

    def __init__(self, data):
        self.data = data

    def __dlpack__(self, **options):
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.data.__dlpack_device__()


def test_a_borrow_follows_its_object(linear):
    moves = Moves(2 * W)
    refitter = linear.refitter()
    refitter.borrow("w", moves)
    refitter.commit()
    moves.data = 5 * W
    refitter.commit()
    np.testing.assert_array_equal(linear.weights["w"].numpy(), 5 * W)
    moves.data = W[:1]
    with pytest.raises(tenon.RefitError, match="shape"):
        refitter.commit()
    np.testing.assert_array_equal(linear.weights["w"].numpy(), 5 * W)


def test_globs_choose_what_is_refittable(mnist):
    engine = tenon.build(mnist / "lenet.onnx", refit=["conv?.weight", "fc*.bias"], tactics="first")
    assert sorted(engine.weights) == ["conv1.weight", "conv2.weight", "fc1.bias", "fc2.bias"]
    with pytest.raises(tenon.BuildError, match="is no weight"):
        tenon.build(mnist / "lenet.onnx", refit=["convolution*"])


def shards_of(arrays, folder):
    folder.mkdir()
    names = sorted(arrays)
    parts = {"one.safetensors": names[:3], "two.safetensors": names[3:]}
    for file, some in parts.items():
        save_file({name: arrays[name] for name in some}, folder / file)
    index = {"metadata": {}, "weight_map": {name: file for file, some in parts.items() for name in some}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def sources_of(arrays, mnist, folder, lenet_with):
    onnx_file = folder / "a.onnx"
    onnx_file.write_bytes(lenet_with("lenet_a.safetensors"))
    np.savez(folder / "a.npz", **arrays)
    np.savez_compressed(folder / "b.npz", **arrays)
    plan = tenon.build(onnx_file)
    plan.save(folder / "a.plan")
    yield from (mnist / "lenet_a.safetensors", onnx_file, folder / "a.npz", folder / "b.npz", folder / "a.plan")
    yield shards_of(arrays, folder / "shards")
    yield str(folder / "a.npz")
    yield arrays
    yield {name: np.asfortranarray(array) for name, array in arrays.items()}
    yield {name: array.astype(np.float64) for name, array in arrays.items()}


def test_every_source_of_weights_gives_the_same_bits(mnist, device, trained, lenet_with, digits, tmp_path):
    want = tenon.build(lenet_with("lenet_a.safetensors"), device=device, tactics="first")(digits[:20])
    for source in sources_of(trained, mnist, tmp_path, lenet_with):
        engine = tenon.build(mnist / "lenet.onnx", device=device, tactics="first")
        assert engine.refit(source).changed == sorted(trained)
        assert np.array_equal(engine(digits[:20]), want), source


def test_a_refused_refit_names_every_problem_and_changes_nothing(lenet, trained, digits):
    want, digests = lenet(digits[:5]), {name: w.digest for name, w in lenet.weights.items()}
    wrong = dict(trained)
    wrong["fc1.weigth"] = wrong.pop("fc1.weight")
    wrong["fc2.bias"] = np.zeros(11, np.float32)
    wrong["conv1.bias"] = np.zeros(20, bool)
    with pytest.raises(tenon.RefitError) as refused:
        lenet.refit(wrong)
    assert refused.value.code == "refit" and len(refused.value.problems) == 3
    for name in ("fc1.weigth", "fc2.bias", "conv1.bias"):
        assert sum(f'"{name}"' in problem for problem in refused.value.problems) == 1
    assert "\n" not in str(refused.value)
    assert lenet.version == 1 and np.array_equal(lenet(digits[:5]), want)
    assert {name: w.digest for name, w in lenet.weights.items()} == digests


@pytest.mark.parametrize("model", ["mnist-8-simplified.onnx", "lenet.onnx"])
def test_the_models_own_file_refits_a_loaded_plan_and_fills_a_stripped_one(model, mnist, device, tmp_path):
    engine = tenon.build(mnist / model, device=device, tactics="first")
    for strip in (False, True):
        engine.save(tmp_path / "model.plan", strip=strip)
        again = tenon.load(tmp_path / "model.plan", device=device)
        assert sorted(again.refit(mnist / model).changed) == sorted(engine.weights)
        assert {n: w.digest for n, w in again.weights.items()} == {n: w.digest for n, w in engine.weights.items()}


def test_a_constant_node_is_read_from_an_onnx_file_where_the_engine_has_its_name(device, tmp_path):
    def model(c, w, **further):
        path = tmp_path / f"{c}{w}.onnx"
        nodes = [helper.make_node("Constant", [], [name], value_float=value) for name, value in {"c": c, **further}.items()]
        nodes += [helper.make_node("Mul", ["x", "c"], ["t"]), helper.make_node("Add", ["t", "w"], ["y"])]
        x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3])
        w = onnx.numpy_helper.from_array(np.float32([w, w, w]), "w")
        graph = helper.make_graph(nodes, "g", [x], [helper.make_empty_tensor_value_info("y")], [w])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=8), path)
        return path

    x = np.float32([[1, 2, 3]])
    frozen = tenon.build(model(2.0, 1), device=device)
    report = frozen.refit(model(2.0, 5, other=7.0), strict=True)
    assert report.changed == ["w"] and not report.ignored
    assert np.array_equal(frozen(x), 2 * x + 5)
    free = tenon.build(model(2.0, 1), device=device, refit=["c", "w"])
    assert sorted(free.refit(model(3.0, 5)).changed) == ["c", "w"]
    assert np.array_equal(free(x), 3 * x + 5)


def test_an_onnx_weight_of_a_type_that_tenon_lacks_is_refused(linear, tmp_path):
    def saved(name):
        w = onnx.TensorProto(name=name, data_type=onnx.TensorProto.COMPLEX64, dims=W.shape, raw_data=bytes(8 * W.size))
        graph = helper.make_graph([], "g", [], [], [w, onnx.numpy_helper.from_array(B + 1, "b")])
        onnx.save(helper.make_model(graph), tmp_path / "weights.onnx")
        return tmp_path / "weights.onnx"

    with pytest.raises(tenon.RefitError) as refused:
        linear.refit(saved("w"))
    assert len(refused.value.problems) == 1 and '"w" is COMPLEX64' in refused.value.problems[0]
    report = linear.refit(saved("unknown"))
    assert report.changed == ["b"] and report.ignored == ["unknown"]


def test_integer_tensors_that_nobody_knows_are_ignored_unless_strict(linear):
    extra = {"b": B + 1, "bn.num_batches_tracked": np.array(5)}
    report = linear.refit(extra)
    assert report.changed == ["b"] and report.ignored == ["bn.num_batches_tracked"]
    assert report.reasons == {"bn.num_batches_tracked": "not in this engine, and i64"}
    with pytest.raises(tenon.RefitError) as refused:
        linear.refit(extra, strict=True)
    assert len(refused.value.problems) == 1 and linear.version == 2


def test_overflow_is_counted(device):
    net = tenon.Network()
    x = net.input("x", ["n", 3], "float16")
    net.output("y", net.matmul(x, net.weight("w", W.astype(np.float16))))
    engine = tenon.build(net, device=device)
    big = W.copy()
    big[1, :2] = 1e6
    report = engine.refit({"w": big})
    assert report.overflowed == {"w": 2}
    assert np.isinf(engine.weights["w"].numpy()).sum() == 2


def test_reset_goes_back_to_the_built_weights(linear):
    linear.refit({"w": 2 * W, "b": B + 1})
    assert linear.reset().version == 3
    assert np.array_equal(linear(X), X @ W + B)


def test_refitter_collects_until_commit(linear):
    refitter = linear.refitter()
    refitter.set("w", 2 * W)
    assert np.array_equal(linear(X), X @ W + B)
    refitter.set("b", B + 5)
    refitter.unset("b")
    assert refitter.missing() == []
    report = refitter.commit()
    assert report.changed == ["w"]
    assert np.array_equal(linear(X), X @ (2 * W) + B)
    assert refitter.commit().changed == []  # sets are forgotten


def test_set_copies_and_borrow_reads_anew(linear):
    refitter = linear.refitter()
    w, b = W.copy(), B.copy()
    refitter.set("w", w)
    refitter.borrow("b", b)
    w[:] = 0
    b[:] = 7
    refitter.commit()
    assert np.array_equal(linear(X), X @ W + 7)
    b[:] = 8
    assert np.array_equal(linear(X), X @ W + 7)
    assert refitter.commit().changed == ["b"]
    assert np.array_equal(linear(X), X @ W + 8)
    refitter.unset("b")
    assert refitter.commit().changed == []


def test_the_last_word_on_a_name_wins(linear, tmp_path):
    save_file({"b": B + 1}, tmp_path / "b.safetensors")
    refitter = linear.refitter()
    refitter.set("b", B + 2)
    refitter.load(tmp_path / "b.safetensors")
    refitter.commit()
    assert np.array_equal(linear(X), X @ W + B + 1)
    refitter.load(tmp_path / "b.safetensors")
    refitter.set("b", B + 3)
    refitter.commit()
    assert np.array_equal(linear(X), X @ W + B + 3)


def test_prepare_makes_a_set_without_publishing_it(linear):
    refitter = linear.refitter()
    refitter.set("b", B + 1)
    prepared = refitter.prepare()
    assert linear.version == 1 and prepared.version == 2
    assert np.array_equal(linear(X), X @ W + B)
    assert np.array_equal(linear.run({"x": X}, weights=prepared)["y"], X @ W + B + 1)
    linear.publish(prepared)
    assert linear.version == 2 and np.array_equal(linear(X), X @ W + B + 1)


def test_a_refused_commit_keeps_what_was_set(linear):
    refitter = linear.refitter()
    refitter.set("b", B + 1)
    refitter.set("nothing", B)
    with pytest.raises(tenon.RefitError):
        refitter.commit()
    refitter.unset("nothing")
    assert refitter.commit().changed == ["b"]


def test_a_strict_refitter_takes_known_names_only(linear):
    refitter = linear.refitter(strict=True)
    refitter.set("counter", np.array(3))
    with pytest.raises(tenon.RefitError):
        refitter.commit()


def test_in_place_engines_have_one_set(device):
    engine = linear_engine(device, W, B, memory="in_place")
    engine.refit({"b": B + 1})
    assert np.array_equal(engine(X), X @ W + B + 1)
    with pytest.raises(tenon.Error) as refused:
        engine.refitter().prepare()
    assert refused.value.code == "unsupported"
    engine.reset()
    assert np.array_equal(engine(X), X @ W + B)


def test_dropped_sources_must_come_together(device):
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("BatchNormalization", ["c", "g", "b", "m", "v"], ["y"]),
    ]
    rng = np.random.default_rng(2)
    x = rng.standard_normal((1, 2, 5, 5), np.float32)
    arrays = {"w": rng.standard_normal((3, 2, 3, 3), np.float32)}
    arrays |= {name: rng.uniform(0.5, 2, 3).astype(np.float32) for name in "gbmv"}
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
    model = model_of(nodes, {"x": x}, initializers=tensors)
    engine = tenon.build(model, device=device, sources="drop", tactics="first")
    refitter = engine.refitter()
    assert refitter.missing() == []
    refitter.set("g", 2 * arrays["g"])
    missing = refitter.missing()
    assert "w" in missing and "v" in missing and "g" not in missing
    with pytest.raises(tenon.RefitError):
        refitter.commit()
    for name in missing:
        refitter.set(name, arrays[name])
    refitter.commit()
    arrays["g"] = 2 * arrays["g"]
    want = tenon.build(model, device=device, tactics="first")
    want.refit(arrays)
    assert np.array_equal(engine(x), want(x))
    with pytest.raises(tenon.Error) as refused:
        engine.weights["w"].numpy()
    assert refused.value.code == "not_ready"


# --- plans


def test_a_plan_is_a_safetensors_file_of_the_weights(lenet, trained, tmp_path):
    lenet.refit(trained)
    lenet.save(tmp_path / "lenet.plan")
    with safetensors.safe_open(tmp_path / "lenet.plan", "numpy") as plan:
        assert set(plan.keys()) == set(trained)
        for name in trained:
            assert np.array_equal(plan.get_tensor(name), trained[name])


def test_load_takes_every_option(lenet, digits, tmp_path):
    lenet.save(tmp_path / "lenet.plan")
    want = lenet(digits[:5])
    for options in (
        {},
        {"device": lenet.device},
        {"threads": 1},
        {"tactics": "time"},
        {"tactics": "first"},
        {"memory": "in_place"},
        {"sets": 3},
        {"sources": "drop"},
    ):
        loaded = tenon.load(tmp_path / "lenet.plan", **options)
        assert loaded.device == lenet.device
        assert np.allclose(loaded(digits[:5]), want, rtol=1e-5, atol=1e-6), options


def test_an_identical_plan_takes_its_own_weights_only(lenet, trained, digits, tmp_path):
    lenet.refit(trained)
    want = lenet(digits[:5])
    lenet.save(tmp_path / "full.plan", identical=True)
    lenet.save(tmp_path / "stripped.plan", strip=True, identical=True)
    for name in ("full.plan", "stripped.plan"):
        engine = tenon.load(tmp_path / name)
        with pytest.raises(tenon.RefitError) as refused:
            engine.refit({**trained, "fc2.bias": trained["fc2.bias"] + 1})
        assert len(refused.value.problems) == 1 and "fc2.bias" in refused.value.problems[0]
        engine.refit(trained)
        assert np.array_equal(engine(digits[:5]), want)


def test_first_tactics_make_reproducible_plans(mnist, device, tmp_path):
    for name in ("one", "two"):
        tenon.build(mnist / "lenet.onnx", device=device, tactics="first").save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_saving_over_a_plan_that_is_loaded_leaves_the_engine_as_it_was(lenet, trained, digits, tmp_path):
    path = tmp_path / "lenet.plan"
    lenet.save(path)
    loaded = tenon.load(path)
    want = loaded(digits[:5])
    lenet.refit(trained)
    lenet.save(path)
    assert np.array_equal(loaded(digits[:5]), want)
    loaded.refit({"fc2.bias": trained["fc2.bias"]})
    loaded.reset()
    assert np.array_equal(loaded(digits[:5]), want)


def test_explain_names_the_kernels(lenet):
    text = lenet.explain()
    assert "conv" in text and "* cpu." in text


def test_bf16_weights_come_through_ml_dtypes(device):
    w = W.astype(ml_dtypes.bfloat16)
    net = tenon.Network()
    net.output("y", net.matmul(net.input("x", ["n", 3], ml_dtypes.bfloat16), net.weight("w", w)))
    engine = tenon.build(net, device=device)
    y = engine(X.astype(ml_dtypes.bfloat16))
    assert y.dtype == ml_dtypes.bfloat16 and np.array_equal(y.astype(np.float32), X @ W)
    assert engine.weights["w"].dtype == ml_dtypes.bfloat16
    engine.refit({"w": 2 * w})
    assert np.array_equal(engine.weights["w"].numpy(), 2 * w)


@pytest.mark.parametrize(
    ("act", "own", "pythons"),
    [
        (lambda engine: tenon.load("absent.plan"), tenon.Error, FileNotFoundError),
        (lambda engine: tenon.load("/"), tenon.Error, OSError),
        (lambda engine: engine.refit("absent.npz"), tenon.RefitError, FileNotFoundError),
        (lambda engine: engine.refit({"x": X}), tenon.RefitError, ValueError),
        (lambda engine: engine(X, X), tenon.InputError, ValueError),
        (lambda engine: tenon.build(b"no model"), tenon.Error, ValueError),
    ],
)
def test_errors_are_what_python_calls_them(linear, act, own, pythons):
    with pytest.raises(pythons) as raised:
        act(linear)
    assert isinstance(raised.value, own) and str(raised.value)
    again = pickle.loads(pickle.dumps(raised.value))
    assert type(again) is type(raised.value) and str(again) == str(raised.value) and again.code == raised.value.code
    assert getattr(again, "problems", None) == getattr(raised.value, "problems", None)


def test_engines_are_copied_and_pickled_by_their_plans(linear):
    linear.refit({"w": 2 * W})
    for again in (
        pickle.loads(pickle.dumps(linear)), copy.copy(linear), copy.deepcopy(linear), tenon.load(linear.to_bytes()),
        tenon.load(io.BytesIO(linear.to_bytes())), tenon.load(memoryview(linear.to_bytes())),
    ):  # fmt: skip
        np.testing.assert_array_equal(again(X), linear(X))
        again.refit({"w": W})
        assert not np.array_equal(again(X), linear(X))
    file = io.BytesIO()
    linear.save(file, strip=True)
    stripped = tenon.load(file.getvalue())
    assert not stripped.ready and not pickle.loads(pickle.dumps(stripped)).ready
    for wrong in (3.5, b""):
        with pytest.raises(tenon.InputError):
            tenon.load(wrong)


def test_an_engine_tells_what_it_is(mnist, tmp_path):
    engine = tenon.build(mnist / "lenet.onnx", tactics="first")
    want = "cpu, 8 weights 1.6 MiB, version 1, inputs input f32[n, 1, 28, 28] → output f32[n, 10])"
    assert repr(engine) == f"Engine('lenet.onnx', {want}"
    engine.save(tmp_path / "a.plan", strip=True)
    assert "('a.plan', cpu, 8 weights 1.6 MiB, not ready," in repr(tenon.load(tmp_path / "a.plan"))
    layers, seconds = engine.layers, engine.profile({"input": np.zeros((1, 1, 28, 28), "float32")}, 3)
    assert len(layers) == len(seconds) > 4 and all(each >= 0 for each in seconds)
    assert {"conv", "matmul"} <= {layer.op for layer in layers} and "conv" in repr(layers[0]) + repr(layers[1])


def test_a_weight_is_an_array(linear):
    weight = linear.weights["w"]
    np.testing.assert_array_equal(np.asarray(weight), W)
    assert np.asarray(weight, dtype="float64").dtype == np.float64
    np.testing.assert_array_equal(np.from_dlpack(weight), W)
    linear.refit({"w": weight})


def test_cycles_through_what_is_borrowed_are_collected(linear):
    moves = Moves(W)
    moves.refitter = linear.refitter()
    moves.refitter.borrow("w", moves)
    gone = weakref.ref(moves.refitter)
    del moves
    gc.collect()
    assert gone() is None
    assert weakref.ref(linear)() is linear


def test_cycles_through_what_renames_are_collected(linear):
    class Renames:
        def __call__(self, name):
            return name.removeprefix("x.")

    renames = Renames()
    renames.refitter = linear.refitter(rename=renames)
    renames.refitter.set("x.w", 2 * W)
    renames.refitter.commit()
    np.testing.assert_array_equal(linear.weights["w"].numpy(), 2 * W)
    gone = weakref.ref(renames)
    del renames
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("inside", [False, True])
def test_cycles_through_networks_are_collected(inside):
    moves = Moves(W)
    moves.network = net = tenon.Network()
    if inside:  # a body that borrows
        body = tenon.Network()
        body.output("s", body.borrow("w", moves))
        other = tenon.Network()
        other.output("s", other.weight("v", W))
        net.add("If", net.input("c", [], dtype="bool"), then_branch=body, else_branch=other)
        del body, other
    else:
        net.borrow("w", moves)
    gone = weakref.ref(net)
    del moves, net
    gc.collect()
    assert gone() is None


def checkpoint(tensors):
    """A safetensors file of {name: (dtype, shape, bytes)}."""
    header, data = {}, b""
    for name, (dtype, shape, value) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(value)]}
        data += value
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.mark.parametrize("sharded", [False, True])
def test_tensors_of_dtypes_that_nobody_needs_are_listed(linear, tmp_path, sharded):
    tensors = {"w": ("F32", [3, 4], (2 * W).tobytes()), "w_scale": ("C64", [3], bytes(24))}
    path = tmp_path / "model.safetensors"
    path.write_bytes(checkpoint(tensors))
    if sharded:
        path = tmp_path / "model.safetensors.index.json"
        path.write_text(json.dumps({"weight_map": dict.fromkeys(tensors, "model.safetensors")}))
    report = linear.refit(path)
    assert report.changed == ["w"] and report.reasons == {"w_scale": "not in this engine, and C64"}
    np.testing.assert_array_equal(linear(X), X @ (2 * W) + B)
    with pytest.raises(tenon.RefitError, match="strict"):
        linear.refit(path, strict=True)
    (tmp_path / "model.safetensors").write_bytes(checkpoint({"w": ("C64", [3, 4], bytes(96))}))
    with pytest.raises(tenon.RefitError, match='"w" is C64'):
        linear.refit(tmp_path / "model.safetensors")
