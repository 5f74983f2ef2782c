"""Edges: nothing beside one, counts beyond 64 bits, loops without an end, files that take a part, callbacks that come back."""

import io
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenon

F32, I64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def graph_of(nodes, inputs, outputs, weights=(), name="g"):
    value = helper.make_tensor_value_info
    return helper.make_graph(nodes, name, [value(*each) for each in inputs], [value(*each) for each in outputs],
                             [numpy_helper.from_array(array, each) for each, array in dict(weights).items()])


def model_of(*graph):
    return helper.make_model(graph_of(*graph), opset_imports=[helper.make_opsetid("", 18)],
                             ir_version=9).SerializeToString()


def reference(model, inputs):
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, inputs)


def ones(*shape):
    return np.ones(shape, np.float32)


@pytest.mark.parametrize(("a", "b"), [((0,), (1,)), ((1,), (0,)), ((0, 3), (1, 3)), ((4, 1), (1, 5)), ((1,), (1,)), ((0,), (0,))])
def test_symbolic_extents_broadcast_as_numpys(a, b, device):
    def dims(shape, letter):
        return [f"{letter}{i}" for i in range(len(shape))]
    model = model_of([helper.make_node("Add", ["a", "b"], ["y"])], [("a", F32, dims(a, "n")), ("b", F32, dims(b, "m"))],
                     [("y", F32, [None] * len(a))])
    engine = tenon.build(model, device=device, tactics="first")
    np.testing.assert_array_equal(engine(ones(*a), ones(*b)), ones(*a) + ones(*b))


def test_what_is_found_nowhere_beside_one(device):
    nodes = [helper.make_node("NonZero", ["a"], ["z"]), helper.make_node("Cast", ["z"], ["f"], to=F32),
             helper.make_node("Mul", ["f", "b"], ["y"])]
    model = model_of(nodes, [("a", F32, [4]), ("b", F32, ["m"])], [("y", F32, [None, None])])
    y = tenon.build(model, device=device, tactics="first")(np.zeros(4, np.float32), ones(1))
    assert y.shape == (1, 0)


LEAST, GREATEST = -2**63, 2**63 - 1


@pytest.mark.parametrize(("start", "limit", "delta", "want"), [
    (0, GREATEST, GREATEST, [0]),
    (LEAST, GREATEST, GREATEST, [LEAST, -1, GREATEST - 1]),
    (GREATEST, LEAST, LEAST + 1, [GREATEST, 0, LEAST + 1]),
    (-3, 4, 3, [-3, 0, 3]),
    (4, -3, -3, [4, 1, -2]),
    (4, 4, 1, []),
    (5, 4, 1, []),
])
def test_ranges_are_counted_without_overflow(start, limit, delta, want, device):
    model = model_of([helper.make_node("Range", ["a", "b", "c"], ["y"])], [(name, I64, []) for name in "abc"],
                     [("y", I64, [None])])
    engine = tenon.build(model, device=device, tactics="first")
    np.testing.assert_array_equal(engine(*(np.array(each) for each in (start, limit, delta))), want)


@pytest.mark.parametrize(("start", "limit", "delta"), [(LEAST, GREATEST, 1), (GREATEST, LEAST, -1)])
def test_ranges_of_more_than_a_tensor_holds_are_refused(start, limit, delta, device):
    model = model_of([helper.make_node("Range", ["a", "b", "c"], ["y"])], [(name, I64, []) for name in "abc"],
                     [("y", I64, [None])])
    engine = tenon.build(model, device=device, tactics="first")
    with pytest.raises(tenon.InputError, match="outside 0 to 2147483647"):
        engine(*(np.array(each) for each in (start, limit, delta)))


# --- bodies


@pytest.fixture
def endless(device):
    body = graph_of([helper.make_node("Identity", ["c"], ["go"]), helper.make_node("Add", ["l", "one"], ["more"])],
                    [("i", I64, []), ("c", BOOL, []), ("l", F32, [])], [("go", BOOL, []), ("more", F32, [])],
                    {"one": np.float32(1)}, "body")
    model = model_of([helper.make_node("Loop", ["k", "", "x"], ["y"], name="round", body=body)],
                     [("x", F32, []), ("k", I64, [])], [("y", F32, [])])
    return tenon.build(model, device=device, tactics="first")


FOR_EVER = {"x": np.float32(0), "k": np.array(2**62)}


@pytest.mark.parametrize("way", ["run", "submit"])
def test_stop_ends_a_run(way, endless):
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(tenon.Error) as caught:
        if way == "run":
            endless.run(FOR_EVER, stop=stop)
        else:
            endless.submit(FOR_EVER, stop=stop).result()
    assert caught.value.code == "cancelled"
    assert endless.run({"x": np.float32(1), "k": np.array(3)})["y"] == 4


def test_ctrl_c_ends_a_run(endless, tmp_path, device):
    endless.save(tmp_path / "m.plan")
    script = ("import signal, numpy as np, tenon\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
              f"e = tenon.load({str(tmp_path / 'm.plan')!r}, device={device!r})\nprint('ready', flush=True)\n"
              "try: e(np.float32(0), np.array(2**62))\nexcept KeyboardInterrupt: print('ended')\n")
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    for _ in range(100):  # the first may come before the run has begun
        time.sleep(0.1)
        child.send_signal(signal.SIGINT)
        if child.poll() is not None:
            break
    assert child.communicate(timeout=60)[0] == "ended\n" or child.returncode == -signal.SIGINT


def test_layers_show_what_is_in_bodies(endless):
    layers = endless.layers
    loop = next(layer for layer in layers if layer.op == "loop")
    assert loop.name == "round" and loop.kernel == ""
    assert [layer.op for layer in loop.body if layer.op == "pointwise"]
    times = endless.profile({"x": np.float32(0), "k": np.array(1000)})
    assert len(times) == len(layers)


@pytest.mark.parametrize("taken", [True, False])
def test_a_branch_that_is_not_taken_asks_for_nothing(taken, device):
    norm = {name: ones(4) for name in ("s", "b", "m", "v")}
    yes = graph_of([helper.make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["t"], epsilon=0.0)], [],
                   [("t", F32, None)], {}, "yes")
    no = graph_of([helper.make_node("Neg", ["x"], ["e"])], [], [("e", F32, None)], {}, "no")
    model = model_of([helper.make_node("If", ["c"], ["y"], then_branch=yes, else_branch=no)],
                     [("x", F32, ["n", "m"]), ("c", BOOL, [])], [("y", F32, [None, None])], norm)
    x = np.arange(8 if taken else 6, dtype=np.float32).reshape(2, -1)
    y = tenon.build(model, device=device, tactics="first")(x, np.array(taken))
    np.testing.assert_array_equal(y, x if taken else -x)


def nested(depth):
    """An If in an If in an If."""
    value = helper.make_tensor_value_info
    inner = helper.make_graph([helper.make_node("Relu", ["x"], ["o"])], "inner", [], [value("o", F32, None)])
    for _ in range(depth):
        other = helper.make_graph([helper.make_node("Neg", ["x"], ["e"])], "other", [], [value("e", F32, None)])
        node = helper.make_node("If", ["c"], ["o"], then_branch=inner, else_branch=other)
        inner = helper.make_graph([node], "inner", [], [value("o", F32, None)])
    inner.input.extend([value("x", F32, ["n"]), value("c", BOOL, [])])
    return helper.make_model(inner, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_what_is_built_can_be_loaded_however_deep_its_bodies_lie(tmp_path):
    engine = tenon.build(nested(20), tactics="first")
    engine.save(tmp_path / "m.plan")
    x = np.array([-1, 2], np.float32)
    np.testing.assert_array_equal(tenon.load(tmp_path / "m.plan")(x, np.array(True)), [0, 2])


# --- callbacks, files, names


def linear():
    network = tenon.Network()
    x = network.input("x", ["n", 3])
    network.output("y", network.matmul(x, network.weight("w", ones(3, 2))))
    return network


def test_submit_in_the_callback_of_a_refit_in_place_is_refused(device):
    engine = tenon.build(linear(), device=device, memory="in_place", tactics="first")
    said = []

    def told(stage, fraction):
        try:
            engine.submit({"x": ones(1, 3)}).result(timeout=30)
        except tenon.InputError as error:
            said.append(str(error))
    engine.refit({"w": 2 * ones(3, 2)}, progress=told)
    assert said and "progress callback" in said[0]
    np.testing.assert_array_equal(engine.submit({"x": ones(1, 3)}).result()["y"], [[6, 6]])


def test_close_in_the_callback_of_a_future(device):
    engine = tenon.build(linear(), device=device, tactics="first")
    closed = threading.Event()
    future = engine.submit({"x": ones(1, 3)})
    future.add_done_callback(lambda _: (engine.close(), closed.set()))
    assert closed.wait(60)
    with pytest.raises(tenon.NotReadyError, match="closed"):
        engine.run({"x": ones(1, 3)})


class TakesLittle(io.RawIOBase):
    """As a pipe does."""

    def __init__(self, most):
        self.most, self.bytes = most, b""

    def writable(self):
        return True

    def write(self, some):
        taken = bytes(some[: self.most])
        self.bytes += taken
        return len(taken)


def test_a_file_that_takes_a_part_gets_the_rest(device):
    engine = tenon.build(linear(), device=device, tactics="first")
    file = TakesLittle(7)
    engine.save(file)
    np.testing.assert_array_equal(tenon.load(file.bytes)(ones(1, 3)), [[3, 3]])
    with pytest.raises(tenon.Error, match="took 0 of"):
        engine.save(TakesLittle(0))


@pytest.mark.parametrize("do", [
    lambda n, x: n.input("x", [2]), lambda n, x: n.input("", [2]), lambda n, x: n.input("w", [2]),
    lambda n, x: n.output("", x), lambda n, x: (n.output("z", x), n.output("z", x)),
], ids=["input twice", "input without a name", "input like a weight", "output without a name", "output twice"])
def test_names_of_a_network_are_refused_at_once(do):
    network = linear()
    x = network.input("other", ["n"])
    with pytest.raises(tenon.BuildError, match="name"):
        do(network, x)
    tenon.build(network, tactics="first")


@pytest.mark.parametrize(("height", "width"), [(40, 24), (64, 64), (224, 224)])
def test_extents_that_fit_are_found_for_symbolic_images(height, width, device):
    nodes, h, w = [], height, width
    for i, (window, step, pad) in enumerate([(2, 2, 0), (3, 2, 0), (3, 1, 0)]):
        nodes.append(helper.make_node("MaxPool", ["x" if i == 0 else f"p{i - 1}"], [f"p{i}"], kernel_shape=[window] * 2,
                                      strides=[step] * 2, pads=[pad] * 4))
        h, w = ((each + 2 * pad - window) // step + 1 for each in (h, w))
    nodes += [helper.make_node("Flatten", ["p2"], ["f"]), helper.make_node("MatMul", ["f", "m"], ["y"])]
    model = model_of(nodes, [("x", F32, ["n", 3, "h", "w"])], [("y", F32, [None, None])], {"m": ones(3 * h * w, 2)})
    x = np.random.default_rng(0).random((2, 3, height, width), np.float32)
    y = tenon.build(model, device=device, tactics="first")(x)
    np.testing.assert_allclose(y, reference(model, {"x": x})[0], rtol=1e-5)


def test_many_symbolic_axes_are_timed_on_small_tensors():
    """Five axes of 128 would take a GiB, and seconds for each node."""
    script = ("import resource, tenon\nn = tenon.Network()\n"
              "n.output('y', n.relu(n.input('x', list('nabcd'))))\ntenon.build(n)\n"
              "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n")
    peak = int(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True,
                              env={**os.environ, "TENON_CACHE_DIR": str(pathlib.Path(os.devnull))}).stdout)
    assert peak < 600 * 1024


def test_a_rank_that_only_a_run_knows_is_refused_by_name():
    value = helper.make_tensor_value_info
    yes = helper.make_graph([helper.make_node("ReduceSum", ["x"], ["a"], keepdims=0)], "yes", [], [value("a", F32, None)])
    no = helper.make_graph([helper.make_node("Relu", ["x"], ["b"])], "no", [], [value("b", F32, None)])
    nodes = [helper.make_node("If", ["c"], ["t"], then_branch=yes, else_branch=no),
             helper.make_node("Relu", ["t"], ["y"], name="behind")]
    graph = helper.make_graph(nodes, "g", [value("x", F32, ["n", "m"]), value("c", BOOL, [])], [value("y", F32, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    with pytest.raises(tenon.BuildError, match='"behind": the rank of "t"'):
        tenon.build(model, tactics="first")


def test_outputs_come_in_the_models_order(device):
    nodes = [helper.make_node("Neg", ["x"], ["z"]), helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Abs", ["x"], ["m"])]
    model = model_of(nodes, [("x", F32, [2])], [(name, F32, [2]) for name in "zam"])
    engine = tenon.build(model, device=device, tactics="first")
    assert list(engine.run({"x": ones(2)})) == ["z", "a", "m"]


@pytest.mark.parametrize("batch", [1, 2, "n"])
@pytest.mark.parametrize("channels", [(32, 16), (16, 64), (24, 40), (16, 7)])
def test_joins_of_blocked_channels(batch, channels, device):
    rng = np.random.default_rng(0)
    a, b = channels
    weights = {"wa": rng.standard_normal((a, 16, 3, 3), np.float32) / 12, "wb": rng.standard_normal((b, 16, 1, 1), np.float32) / 4,
               "wc": rng.standard_normal((32, a + b, 3, 3), np.float32) / np.float32(3 * (a + b) ** 0.5)}
    nodes = [helper.make_node("Conv", ["x", "wa"], ["p"], pads=[1] * 4), helper.make_node("Conv", ["x", "wb"], ["q"]),
             helper.make_node("Relu", ["q"], ["r"]), helper.make_node("Concat", ["p", "r"], ["j"], axis=1),
             helper.make_node("Relu", ["j"], ["k"]), helper.make_node("Conv", ["k", "wc"], ["y"])]
    model = model_of(nodes, [("x", F32, [batch, 16, 9, 7])], [("y", F32, None)], weights)
    x = rng.standard_normal((1 if batch == 1 else 2, 16, 9, 7), np.float32)
    engine = tenon.build(model, device=device, tactics="first")
    want = reference(model, {"x": x})[0]
    assert np.linalg.norm(engine(x) - want) < 1e-5 * np.linalg.norm(want)


def test_a_copy_of_a_named_weight_follows_it(device):
    """Exporters write an Identity for a second name: it comes apart where both are refittable, and only there."""
    nodes = [helper.make_node("Mul", ["x", "c"], ["y"]), helper.make_node("Identity", ["c"], ["i"]),
             helper.make_node("Identity", ["i"], ["j"]), helper.make_node("Add", ["x", "j"], ["z"])]
    model = model_of(nodes, [("x", F32, [3])], [("y", F32, [3]), ("z", F32, [3])], {"c": ones(3)})
    named = tenon.build(model, device=device, refit=["c"], tactics="first")
    named.refit({"c": 5 * ones(3)}, strict=True, complete=True)
    y, z = named(2 * ones(3))
    np.testing.assert_array_equal(y, [10, 10, 10])
    np.testing.assert_array_equal(z, [7, 7, 7])
    both = tenon.build(model, device=device, tactics="first")
    both.refit({"c": 5 * ones(3), "j": 9 * ones(3)})
    y, z = both(2 * ones(3))
    np.testing.assert_array_equal(y, [10, 10, 10])
    np.testing.assert_array_equal(z, [11, 11, 11])


@pytest.mark.parametrize(("name", "what"), [
    ("w.safetensors", "no model; load a plan"), ("m.plan", "no model; load a plan"), ("w.npz", "zip archive"),
    ("w.bin", "pickle"), ("folder", "is a folder; give the ONNX file"),
])
def test_what_is_no_model_is_called_by_its_name(name, what, tmp_path):
    path = tmp_path / name
    if name.endswith(".safetensors"):
        path.write_bytes(tenon.build(linear(), tactics="first").to_bytes())
    elif name.endswith(".plan"):
        tenon.build(linear(), tactics="first").save(path)
    elif name.endswith(".npz"):
        np.savez(path, w=ones(2))
    elif name.endswith(".bin"):
        path.write_bytes(pickle.dumps({"w": [1.0] * 100}))
    else:
        path.mkdir()
    with pytest.raises(tenon.Error, match=what):
        tenon.build(path)
    if path.is_file():
        with pytest.raises(tenon.Error, match=what):
            tenon.build(path.read_bytes())


def test_a_pickle_is_no_checkpoint(tmp_path):
    (tmp_path / "w.bin").write_bytes(pickle.dumps({"w": [1.0] * 100}))
    with pytest.raises(tenon.Error, match="pickle, as torch writes"):
        tenon.build(linear(), tactics="first").refit(tmp_path / "w.bin")


# --- close() beside submit()


def test_what_is_submitted_while_it_closes_is_refused_as_closed(device):
    """Work that was taken is done; what comes while close() waits for it is told so, never by the executor's words."""
    engine = tenon.build(linear(), device=device, tactics="first")
    begun, go_on = threading.Event(), threading.Event()
    first = engine.submit({"x": ones(1, 3)})
    first.add_done_callback(lambda _: (begun.set(), go_on.wait(30)))  # on the engine's thread
    assert begun.wait(30)
    closing = threading.Thread(target=engine.close)
    closing.start()
    while True:
        try:
            taken = engine.submit({"x": ones(1, 3)})
        except tenon.NotReadyError as error:
            assert "closed" in str(error)
            break
    go_on.set()
    closing.join(30)
    assert not closing.is_alive()
    np.testing.assert_array_equal(first.result()["y"], [[3, 3]])
    with pytest.raises(tenon.NotReadyError, match="closed"):
        engine.submit({"x": ones(1, 3)})


def test_first_submits_of_several_threads_share_one_thread(device):
    engine = tenon.build(linear(), device=device, tactics="first")
    names, ready = set(), threading.Barrier(8)

    def submit():
        ready.wait(30)
        engine.submit({"x": ones(1, 3)}).add_done_callback(lambda _: names.add(threading.current_thread().name))

    threads = [threading.Thread(target=submit, name="own") for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    engine.close()
    assert len(names - {"own"}) == 1


# --- parts of a model that no output needs


def with_function(function):
    """y = relu(x), and a function of the model's own."""
    model = onnx.load_model_from_string(model_of([helper.make_node("Relu", ["x"], ["y"])], [("x", F32, [2])], [("y", F32, [2])]))
    model.opset_import.add(domain="own", version=1)
    model.functions.extend(function)
    return model


def function_of(*nodes):
    return helper.make_function("own", "F", ["a"], ["b"], list(nodes), [helper.make_opsetid("", 18)])


def damaged(model):
    """The same with a function whose node is cut short."""
    whole = model.SerializeToString()
    at = whole.index(b"MarkMe")
    return whole[: at - 1] + b"\x7f" + whole[at:]  # a text that ends behind the file


CONSTANT = helper.make_tensor("t", TensorProto.STRING, [1], [b"text"])


@pytest.mark.parametrize("model", [
    with_function([function_of(helper.make_node("NoSuchOp", ["a"], ["b"]))]).SerializeToString(),
    with_function([function_of(helper.make_node("Constant", [], ["b"], value=CONSTANT))]).SerializeToString(),
    with_function([function_of(helper.make_node("Relu", ["a"], ["b"]))] * 2).SerializeToString(),
    damaged(with_function([function_of(helper.make_node("Relu", ["a"], ["b"], name="MarkMe"))])),
], ids=["unknown op", "strings", "twice", "damaged"])
def test_a_function_that_nothing_calls_may_be_anything(model, device):
    np.testing.assert_array_equal(tenon.build(model, device=device, tactics="first")(np.float32([-1, 1])), [0, 1])


def test_a_damaged_function_that_is_called_is_an_error():
    model = with_function([function_of(helper.make_node("Relu", ["a"], ["b"], name="MarkMe"))])
    model.graph.node[0].domain, model.graph.node[0].op_type = "own", "F"
    with pytest.raises(tenon.BuildError, match="malformed|truncated"):
        tenon.build(damaged(model), tactics="first")


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_sparse_initializer_that_nothing_needs_is_left_out(is_damaged, device):
    model = with_function([])
    sparse = helper.make_sparse_tensor(numpy_helper.from_array(ones(1), "MarkMe"), numpy_helper.from_array(np.array([0])), [4])
    model.graph.sparse_initializer.append(sparse)
    text = damaged(model) if is_damaged else model.SerializeToString()
    np.testing.assert_array_equal(tenon.build(text, device=device, tactics="first")(np.float32([-1, 1])), [0, 1])
    model.graph.node[0].input[0] = "MarkMe"
    with pytest.raises(tenon.BuildError, match="sparse initializer"):
        tenon.build(model, tactics="first")
