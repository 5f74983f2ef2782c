"""Where weights come from beside files: arrays in place of a model's initializers, further names, sets, nameless files."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import onnx
import pytest
from linear import B, W, X, linear_engine, linear_network
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

import tenon


def elsewhere(name, array):
    """An initializer whose bytes are not in the model."""
    tensor = TensorProto(name=name, dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype))
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="nowhere.bin")
    return tensor


def gemm_model(w, b):
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])
    graph = helper.make_graph([node], "g", [x], [y], [w, b])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.fixture
def hollow():
    """A model that tells of w and b, and has neither."""
    return gemm_model(elsewhere("w", W), elsewhere("b", B)).SerializeToString()


# --- build(weights=)


@pytest.mark.parametrize("sources", ["keep", "file", "drop"])
def test_initializers_come_from_arrays_and_are_not_kept(hollow, device, sources):
    w, b = W.copy(), B.copy()
    engine = tenon.build(hollow, weights={"w": w, "b": b}, device=device, tactics="first", sources=sources)
    w[:], b[:] = np.nan, np.nan  # what is the caller's again changes nothing
    np.testing.assert_array_equal(engine(X), X @ W + B)
    if sources != "drop":
        engine.refit({"b": 2 * B})  # reads w again where they share a table
        np.testing.assert_array_equal(engine(X), X @ W + 2 * B)
        np.testing.assert_array_equal(engine.weights["w"].numpy(), W)
        engine.reset()
        np.testing.assert_array_equal(engine(X), X @ W + B)


def test_strided_and_given_beside_the_models_own(device):
    model = gemm_model(numpy_helper.from_array(0 * W, "w"), numpy_helper.from_array(B, "b"))
    engine = tenon.build(model, weights={"w": np.asfortranarray(W)}, device=device, tactics="first")
    np.testing.assert_array_equal(engine(X), X @ W + B)


def test_frozen_ones_are_read_while_building(hollow, device):
    w = W.copy()
    engine = tenon.build(hollow, weights={"w": w, "b": B}, refit=["b"], device=device, tactics="first")
    w[:] = np.nan
    assert list(engine.weights) == ["b"]
    np.testing.assert_array_equal(engine(X), X @ W + B)


def test_initializers_of_a_body_have_their_whole_names(device):
    inner = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["s"])], "b", [], [helper.make_tensor_value_info("s", TensorProto.FLOAT, None)],
        [elsewhere("w", B)],
    )  # fmt: skip
    other = helper.make_graph(
        [helper.make_node("Mul", ["x", "w"], ["p"])], "c", [], [helper.make_tensor_value_info("p", TensorProto.FLOAT, None)],
        [elsewhere("w", B)],
    )  # fmt: skip
    node = helper.make_node("If", ["c"], ["y"], name="if", then_branch=inner, else_branch=other)
    inputs = [helper.make_tensor_value_info("c", TensorProto.BOOL, []), helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])]
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    weights = {"if/then_branch/w": B, "if/else_branch/w": 3 * B}
    engine = tenon.build(model, weights=weights, device=device, tactics="first")
    for condition in (True, False):
        expected = B + B if condition else B * 3 * B
        np.testing.assert_array_equal(engine.run({"c": np.array(condition), "x": B})["y"], expected)


def test_no_weights_at_all(hollow, device, tmp_path):
    engine = tenon.build(hollow, weights=None, device=device, tactics="first")
    with pytest.raises(tenon.NotReadyError):
        engine(X)
    assert engine.refitter().missing() == ["b", "w"]
    engine.save(tmp_path / "hollow.plan", strip=True)
    engine.refit({"w": W, "b": B})
    np.testing.assert_array_equal(engine(X), X @ W + B)
    again = tenon.load(tmp_path / "hollow.plan")
    again.refit({"w": W, "b": B})
    np.testing.assert_array_equal(again(X), X @ W + B)


def test_a_folder_for_a_model_in_memory(tmp_path, device):
    model = gemm_model(numpy_helper.from_array(W, "w"), numpy_helper.from_array(B, "b"))
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.bin", size_threshold=0)
    data = (tmp_path / "m.onnx").read_bytes()
    np.testing.assert_array_equal(tenon.build(data, folder=tmp_path, device=device, tactics="first")(X), X @ W + B)
    with pytest.raises(tenon.BuildError, match="give the model's path, the folder, or the weights"):
        tenon.build(data, device=device)


def test_what_does_not_fit_is_refused(hollow, device):
    with pytest.raises(tenon.BuildError, match=r'no initializer "v", "zzzz"'):
        tenon.build(hollow, weights={"w": W, "b": B, "v": W, "zzzz": W}, device=device)
    with pytest.raises(tenon.BuildError, match=r'"w" is f64\[3, 4\], the model\'s is f32\[3, 4\]'):
        tenon.build(hollow, weights={"w": W.astype(np.float64), "b": B}, device=device)
    with pytest.raises(tenon.BuildError, match='tensor "w" has external data'):
        tenon.build(hollow, weights={"b": B}, device=device)
    with pytest.raises(tenon.InputError, match="are of an ONNX model"):
        tenon.build(linear_network(), weights={"w": W}, device=device)


# --- aliases


@pytest.fixture
def tied(device):
    return linear_engine(device, aliases={"head.w": "w", "embedding.w": "w"})


def test_any_name_refits_a_weight(tied, tmp_path):
    assert tied.weights["w"].aliases == ["embedding.w", "head.w"]
    assert tied.refit({"head.w": 2 * W}).changed == ["w"]
    np.testing.assert_array_equal(tied(X), X @ (2 * W) + B)
    tied.save(tmp_path / "a.plan")
    again = tenon.load(tmp_path / "a.plan")
    again.refit({"embedding.w": 3 * W}, complete=False)
    np.testing.assert_array_equal(again(X), X @ (3 * W) + B)


def test_equal_bytes_under_two_names_are_one_weight(tied):
    report = tied.refit({"w": 2 * W, "head.w": 2 * W, "b": B}, strict=True, complete=True)
    assert report.changed == ["b", "w"]
    assert list(report.reasons) in (["head.w"], ["w"]) and all("given under another" in why for why in report.reasons.values())


def test_other_bytes_under_two_names_are_one_problem(tied):
    with pytest.raises(tenon.RefitError) as refused:
        tied.refit({"w": 2 * W, "head.w": 3 * W})
    assert len(refused.value.problems) == 1
    np.testing.assert_array_equal(tied(X), X @ W + B)


def test_complete_takes_any_name(tied):
    tied.refit({"head.w": W, "b": B}, complete=True)
    with pytest.raises(tenon.RefitError, match='"w" is not given'):
        tied.refit({"b": B}, complete=True)


def test_bad_aliases_are_refused(device):
    with pytest.raises(tenon.BuildError, match='"b" is a weight\'s own name'):
        linear_engine(device, aliases={"b": "w"})
    with pytest.raises(tenon.BuildError, match='"v", which is no weight of the network'):
        linear_engine(device, aliases={"head": "v"})


# --- base=


def test_a_refit_from_another_set_than_the_current_one(linear):
    first = linear.current
    linear.refit({"w": 2 * W})
    second = linear.refitter(base=first)
    second.set("b", 5 * B)
    prepared = second.prepare()
    np.testing.assert_array_equal(linear.run({"x": X}, weights=prepared)["y"], X @ W + 5 * B)
    np.testing.assert_array_equal(linear(X), X @ (2 * W) + B)
    linear.refit({"b": 7 * B}, base=prepared)
    np.testing.assert_array_equal(linear(X), X @ W + 7 * B)
    assert linear.refit({"b": B}).kept == ["w"]
    np.testing.assert_array_equal(linear.weights["w"].numpy(), W)


def test_a_base_is_of_this_engine(linear, device):
    with pytest.raises(tenon.InputError, match="base: the weight set is another engine's"):
        linear.refit({"b": B}, base=linear_engine(device).current)
    alone = linear_engine(device, memory="in_place")
    with pytest.raises(tenon.Error, match="one set of weights only"):
        alone.refitter(base=alone.current)


# --- sources="file"


def test_arrays_go_to_a_nameless_file(device, tmp_path):
    """What the process holds of anonymous memory grows by the tables, not by the arrays as well."""
    code = f"""
import numpy as np, tenon
def anonymous():
    return sum(int(line.split()[1]) for line in open("/proc/self/smaps_rollup") if line.startswith("Anonymous:")) << 10
size = 1024
arrays = {{f"w{{i}}": np.full((size, size), 1 / size, np.float32) for i in range(8)}}
net = tenon.Network()
x = net.input("x", ["n", size])
for name, array in arrays.items():
    x = net.matmul(x, net.borrow(name, array))
net.output("y", x)
before = anonymous()
engine = tenon.build(net, device={device!r}, tactics="first", sources="file")
held = anonymous() - before
engine.refit(arrays)
assert np.allclose(engine(np.ones((1, size), np.float32)), 1)
print(held / sum(a.nbytes for a in arrays.values()))
"""
    held = float(subprocess.check_output([sys.executable, "-c", code], text=True, env={**os.environ, "TENON_CACHE_DIR": str(tmp_path)}))
    assert held < 1.3
    assert list(tmp_path.iterdir()) == [] or all(not p.name.startswith("tenon-") for p in tmp_path.iterdir())


def test_a_full_disk_refuses_the_refit(device, tmp_path):
    code = f"""
import resource, numpy as np, tenon
net = tenon.Network()
net.output("y", net.matmul(net.input("x", ["n", 64]), net.weight("w", np.zeros((64, 64), np.float32))))
engine = tenon.build(net, device={device!r}, tactics="first", sources="file", memory="in_place")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    engine.refit({{"w": np.ones((64, 64), np.float32)}})
except OSError as error:
    print(isinstance(error, tenon.Error), float(np.asarray(engine(np.ones((1, 64), np.float32))).max()))
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["True", "0.0"]


# --- problems as data


def test_problems_of_a_build_are_data():
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Bogus", ["a"], ["b"], name="first"),
        helper.make_node("Nonsense", ["b"], ["y"], domain="com.example"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y]), opset_imports=opsets, ir_version=9)
    with pytest.raises(tenon.BuildError) as refused:
        tenon.build(model)
    problems = refused.value.problems
    assert [(each.kind, each.index, each.node, each.op) for each in problems] == [
        ("op", 1, "first", "Bogus"),
        ("op", 2, "y", "com.example.Nonsense"),
    ]
    assert all(each.op in each.message for each in problems)
    with pytest.raises(tenon.BuildError) as refused:
        tenon.build(b"no model")
    assert [each.kind for each in refused.value.problems] == ["bad_file"]


def test_damage_that_no_output_needs_is_told_and_left_out(device, caplog):
    model = gemm_model(numpy_helper.from_array(W, "w"), numpy_helper.from_array(B, "b"))
    short = TensorProto(name="short", dims=[5], data_type=TensorProto.FLOAT, raw_data=b"1234")
    model.graph.initializer.extend([short, elsewhere("far", B)])
    np.testing.assert_array_equal(tenon.build(model, device=device, tactics="first")(X), X @ W + B)
    told = " ".join(record.getMessage() for record in caplog.records)
    assert '"short" has 4 bytes of raw data' in told and '"far" has external data' in told
    model.graph.node[0].input[2] = "short"
    with pytest.raises(tenon.BuildError, match='"short" has 4 bytes of raw data'):
        tenon.build(model, device=device)


# --- permute


@pytest.mark.parametrize("how", ["array", "file", "set", "borrow", "json"])
def test_axes_in_another_order(linear, tmp_path, how):
    rename = {"kernel": {"name": "w", "permute": [1, 0]}, "bias": "b"}
    given = {"kernel": np.ascontiguousarray(3 * W.T), "bias": B}
    if how == "json":
        (tmp_path / "map.json").write_text(json.dumps(rename))
        rename = tmp_path / "map.json"
    if how in ("array", "json"):
        linear.refit(given, rename=rename)
    elif how == "file":
        np.savez(tmp_path / "w.npz", **given)
        linear.refit(tmp_path / "w.npz", rename=rename)
    else:
        refitter = linear.refitter(rename=rename)
        for name, array in given.items():
            getattr(refitter, how)(name, array)
        refitter.commit()
    np.testing.assert_array_equal(linear(X), X @ (3 * W) + B)
    linear.refit({"b": 0 * B})
    np.testing.assert_array_equal(linear(X), X @ (3 * W))


def test_axes_that_are_no_order_are_refused(linear):
    for axes in ([0], [0, 0], [0, 1, 2], [1, 2], [-1, 0]):
        with pytest.raises(tenon.RefitError, match="permute .* is no order of its axes"):
            linear.refit({"k": W}, rename={"k": {"name": "w", "permute": axes}})
    for wrong in ({"k": 3}, {"k": {"permute": [1, 0]}}, {"k": {"name": "w", "permute": "10"}}, {"k": {"name": "w", "axes": [0]}}):
        with pytest.raises(tenon.InputError, match="give a name for a name"):
            linear.refit({"k": W}, rename=wrong)


# --- copies in the model


def test_a_refit_that_nothing_reads_is_told(device, caplog):
    nodes = [helper.make_node("Identity", ["s"], ["t"]), helper.make_node("MatMul", ["x", "t"], ["y"])]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(W, "s")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    engine = tenon.build(model.SerializeToString(), device=device, tactics="first")
    engine.refit({"s": 2 * W, "t": 2 * W})
    assert not caplog.records
    engine.refit({"s": 3 * W})
    np.testing.assert_array_equal(engine(X), X @ (2 * W))
    (record,) = caplog.records
    assert 'no kernel reads "s"' in record.getMessage()


# --- files that change behind an engine's back


def folded_model(arrays):
    """A convolution into which a batch norm is folded: its gain alone makes a slot of all five."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]),
             helper.make_node("BatchNormalization", ["c", *"gbmv"], ["y"], epsilon=0.0)]  # fmt: skip
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2, 2, 2]) for name in "xy")
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "g", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def folded_arrays(gain=1.0, weight=2.0):
    ones = np.ones(2, np.float32)
    w = np.float32(weight) * np.eye(2, dtype=np.float32).reshape(2, 2, 1, 1)
    return {"w": w, "g": gain * ones, "b": ones, "m": 0 * ones, "v": ones}


@pytest.fixture(params=["safetensors", "plan"])
def from_file(request, device, tmp_path):
    """An engine whose weights a file holds, and the file: y = 2 g x + 1."""
    engine = tenon.build(folded_model(folded_arrays()), device=device, tactics="first")
    path = tmp_path / "source"
    if request.param == "plan":
        engine.save(path)
        return tenon.load(path, device=device), path
    save_file(folded_arrays(), path)
    engine.refit(path)
    return engine, path


def double_the_gain(engine):
    x = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    engine.refit({"g": folded_arrays(2.0)["g"]})
    np.testing.assert_array_equal(engine(x), 4 * x + 1)


@pytest.mark.parametrize("act", [
    lambda path: path.chmod(0o600),
    lambda path: os.link(path, path.with_name("other")),
    lambda path: path.rename(path.with_name("other")),
    lambda path: (path.rename(path.with_name("other")), path.with_name("other").chmod(0o600)),
    lambda path: path.unlink(),
], ids=["chmod", "link", "rename", "rename and chmod", "unlink"])  # fmt: skip
def test_what_leaves_the_bytes_alone_does_no_harm(act, from_file):
    engine, path = from_file
    act(path)
    double_the_gain(engine)


def test_where_nobody_can_tell_a_new_name_does_no_harm(device, tmp_path):
    (tmp_path / "m.onnx").write_bytes(folded_model(folded_arrays()))
    engine = tenon.build(tmp_path / "m.onnx", device=device, tactics="first", sources="drop", refit=["w", "g"])
    (tmp_path / "m.onnx").rename(tmp_path / "other")  # b, m and v are read from it
    double = folded_arrays(2.0)
    engine.refit({"w": double["w"], "g": double["g"]})
    np.testing.assert_array_equal(engine(np.ones((1, 2, 2, 2), np.float32)), np.full((1, 2, 2, 2), 5, np.float32))


def rewrite_quietly(path):
    """Other values of w, under the old size and times."""
    before, old = path.stat(), path.read_bytes()
    at = old.index(folded_arrays()["w"].tobytes())
    time.sleep(0.02)  # past a tick of the kernel's clock
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(folded_arrays(weight=3.0)["w"].tobytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def rewrite_renamed(path):
    rewrite_quietly(path.rename(path.with_name("other")))


def rewrite_by_a_link(path):
    os.link(path, path.with_name("other"))
    path.unlink()
    rewrite_quietly(path.with_name("other"))


@pytest.mark.parametrize("act", [rewrite_quietly, rewrite_renamed, rewrite_by_a_link])
def test_bytes_that_changed_are_found_out(act, from_file):
    engine, path = from_file
    x = np.ones((1, 2, 2, 2), np.float32)
    act(path)
    with pytest.raises(tenon.RefitError, match='"w" must be supplied again: .*was (rewritten|changed)'):
        double_the_gain(engine)
    with pytest.raises(tenon.RefitError, match='"w" must be supplied again'):
        engine.save(path.with_name("saved"))
    np.testing.assert_array_equal(engine(x), 2 * x + 1)
    engine.refit(folded_arrays(2.0))
    np.testing.assert_array_equal(engine(x), 4 * x + 1)


def test_digests_decide_for_a_plan(device, tmp_path):
    tenon.build(folded_model(folded_arrays()), device=device, tactics="first").save(tmp_path / "a.plan")
    engine = tenon.load(tmp_path / "a.plan", device=device)
    os.utime(tmp_path / "a.plan", (1, 1))
    np.testing.assert_array_equal(engine.weights["w"].numpy(), folded_arrays()["w"])
    double_the_gain(engine)
    rewrite_renamed(tmp_path / "a.plan")
    with pytest.raises(tenon.Error, match="was rewritten"):
        engine.weights["w"].numpy()


# --- what is there, and nobody needs


ODD = {
    "complex": np.ones(2, np.complex64), "text": np.array(["a", "b"]), "when": np.array(["2020-01-01"], "datetime64[D]"),
    "fields": np.zeros(2, [("a", "f4"), ("b", "i4")]), "objects": np.array([None, 1], object), "swapped": np.ones(2, ">f4"),
}  # fmt: skip


@pytest.mark.parametrize("how", [np.savez, np.savez_compressed])
def test_odd_arrays_of_an_npz_that_nobody_needs_are_ignored(how, linear, tmp_path):
    how(tmp_path / "w.npz", w=2 * W, **ODD)
    report = linear.refit(tmp_path / "w.npz")
    assert report.changed == ["w"] and set(report.ignored) == set(ODD)
    assert "complex" not in report.reasons["text"] and "<c8" in report.reasons["complex"]
    np.testing.assert_array_equal(linear(X), X @ (2 * W) + B)
    with pytest.raises(tenon.RefitError) as raised:
        linear.refit(tmp_path / "w.npz", strict=True)
    assert len(raised.value.problems) == len(ODD)


@pytest.mark.parametrize("name", ODD)
def test_odd_arrays_in_the_place_of_a_weight_are_a_problem(name, linear, tmp_path):
    np.savez(tmp_path / "w.npz", w=ODD[name], b=B)
    with pytest.raises(tenon.RefitError, match='weights: "w" is .*w.npz", which Tenon does not read; convert it'):
        linear.refit(tmp_path / "w.npz")


def test_odd_arrays_of_a_mapping_that_nobody_needs_are_ignored(linear):
    odd = {name: array for name, array in ODD.items() if name != "swapped"}  # which NumPy can give in our order
    report = linear.refit({"w": 2 * W, **odd})
    assert report.changed == ["w"] and set(report.ignored) == set(odd)
    assert "complex64" in report.reasons["complex"]
    np.testing.assert_array_equal(linear(X), X @ (2 * W) + B)
    for name, array in odd.items():
        with pytest.raises(tenon.RefitError, match='weights: "w" is .*which Tenon does not read'):
            linear.refit({"w": array})
        with pytest.raises(tenon.RefitError, match=f'"{name}" is not used'):
            linear.refit({"w": W, name: array}, strict=True)
    report = linear.refit({"module.w": W, "module.odd": odd["complex"]}, prefix="module.", ignore="*odd")
    assert report.changed == ["w"]


# --- hints


def test_no_hint_leads_two_names_to_one(linear):
    with pytest.raises(tenon.RefitError) as raised:
        linear.refit({"ww": 2 * W, "w": W})
    assert "nearest" not in str(raised.value) and "without" not in str(raised.value)


def test_no_rule_is_told_that_would_give_a_name_twice(linear):
    with pytest.raises(tenon.RefitError) as raised:
        linear.refit({"module.w": 2 * W, "w": W})
    assert "prefix" not in str(raised.value)
