"""Strings in and out: every op that reads, makes or moves them, beside ONNX Runtime or a closed form."""

import json
import os
import subprocess

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import tenon

CLI = os.environ.get("TENON_CLI")
OPS = {"RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "ai.onnx.ml.CategoryMapper"}
S, I64, F32, BOOL = TensorProto.STRING, TensorProto.INT64, TensorProto.FLOAT, TensorProto.BOOL
ODD = np.array(["", "a", "Zürich ЖУК", "x y  z ", "€" * 40, "a\tb", "ǅ", "0"], object)


def model_of(nodes, inputs, outputs, initializers=(), opset=20):
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs],
        list(initializers),
    )  # fmt: skip
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 4)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def node(op, inputs="x", outputs="y", **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def build(model, device):
    return tenon.build(model, device=device, tactics="first")


def run(model, device, **given):
    return build(model, device).run(given)


def check(model, device, **given):
    """Equal to ONNX Runtime."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    want = session.run(None, given)
    got = run(model, device, **given)
    for one, other in zip(got.values(), want):
        assert one.shape == other.shape and one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


MOVES = [
    node("Identity"),
    node("Reshape", "x shape"),
    node("Transpose", perm=[1, 0]),
    node("Gather", "x index", axis=1),
    node("GatherElements", "x grid", axis=1),
    node("Concat", "x x", axis=0),
    node("Slice", "x starts ends"),
    node("Squeeze", "wide"),
    node("Unsqueeze", "x zero"),
    node("Expand", "x big"),
    node("Tile", "x twice"),
    node("Where", "mask x other"),
    node("ScatterElements", "x grid other_part", axis=1),
    node("Split", "x", "y z", axis=1, num_outputs=2),
    node("Compress", "x kept", axis=1),
]
LISTS = {
    "shape": [4, 2], "index": [[1, 0], [3, 3]], "grid": [[0, 3], [2, 1]], "starts": [0, 1], "ends": [2, 3],
    "zero": [0], "big": [3, 2, 4], "twice": [2, 1],
}  # fmt: skip


@pytest.mark.parametrize("moved", MOVES, ids=lambda each: each.op_type)
def test_what_moves_elements_moves_texts(moved, device):
    lists = [helper.make_tensor(name, I64, np.shape(value), np.ravel(value)) for name, value in LISTS.items()]
    lists.append(helper.make_tensor("mask", BOOL, [2, 1], [True, False]))
    lists.append(helper.make_tensor("kept", BOOL, [4], [True, False, False, True]))
    lists.append(helper.make_tensor("other", S, [1, 4], [b"p", b"q", b"", "ß".encode()]))
    lists.append(helper.make_tensor("other_part", S, [2, 2], [b"p", b"q", b"r", b"s"]))
    nodes = [moved]
    if "wide" in moved.input:
        nodes.insert(0, node("Unsqueeze", "x zero", "wide"))
    used = {name for each in nodes for name in each.input}
    outputs = [(name, S) for name in moved.output]
    model = model_of(nodes, [("x", S, ["n", 4])], outputs, [each for each in lists if each.name in used])
    check(model, device, x=ODD.reshape(2, 4))


def test_equality_and_concatenation_broadcast(device):
    inputs = [("a", S, ["n", 1]), ("b", S, ["m"])]
    a, b = ODD[:3].reshape(3, 1), ODD[[1, 0, 2, 5]]
    check(model_of([node("Equal", "a b")], inputs, [("y", BOOL)]), device, a=a, b=b)
    got = run(model_of([node("StringConcat", "a b")], inputs, [("y", S)]), device, a=a, b=b)["y"]
    np.testing.assert_array_equal(got, a + b)
    none = run(model_of([node("StringConcat", "a b")], inputs, [("y", S)]), device, a=a[:0], b=b)["y"]
    assert none.shape == (0, 4)


@pytest.mark.parametrize("delimiter, most", [(None, None), ("", 1), (" ", None), ("a", 0), ("xy", 2), ("€", 3)])
def test_a_split_is_pythons(delimiter, most, device):
    attributes = {}
    if delimiter is not None:
        attributes["delimiter"] = delimiter
    if most is not None:
        attributes["maxsplit"] = most
    texts = np.append(ODD, ["xyaxyaxy", "  lead", "x"]).astype(object)
    model = model_of([node("StringSplit", outputs="y n", **attributes)], [("x", S, ["n"])], [("y", S), ("n", I64)])
    made = run(model, device, x=texts)
    parts = [text.split(delimiter or None, -1 if most is None else most) for text in texts]
    widest = max(map(len, parts))
    np.testing.assert_array_equal(made["y"], [part + [""] * (widest - len(part)) for part in parts])
    np.testing.assert_array_equal(made["n"], [len(part) for part in parts])


def test_a_whole_text_matches_or_does_not(device):
    mail = r"(\W|^)[\w.\-]{0,25}@(yahoo|gmail)\.com(\W|$)"
    model = model_of([node("RegexFullMatch", pattern=mail)], [("x", S, ["n"])], [("y", BOOL)])
    given = np.array(["account@gmail.com", "account@hotmail.com", "not email", "a@yahoo.com2", ""], object)
    np.testing.assert_array_equal(run(model, device, x=given)["y"], [True, False, False, False, False])
    hostile = model_of([node("RegexFullMatch", pattern="(a*)*b")], [("x", S, [1])], [("y", BOOL)])
    assert not run(hostile, device, x=["a" * 100_000])["y"][0]
    with pytest.raises(tenon.Error, match=r"RegexFullMatch \"y\": pattern \"\(\" is no regular expression of RE2"):
        build(model_of([node("RegexFullMatch", pattern="(")], [("x", S, [1])], [("y", BOOL)]), device)


@pytest.mark.parametrize("action", ["NONE", "LOWER", "UPPER"])
@pytest.mark.parametrize("by_case", [0, 1])
@pytest.mark.parametrize("words", [[], ["a", "ZÜRICH жук"], ["a", "b"]])
def test_normalized_texts(action, by_case, words, device):
    attributes = dict(case_change_action=action, is_case_sensitive=by_case, **({"stopwords": words} if words else {}))
    model = model_of([node("StringNormalizer", **attributes)], [("x", S, ["n"])], [("y", S)])
    for texts in (["A", "Zürich ЖУК", "b", "a"], ["a", "b"]):
        same = (lambda text: text) if by_case else str.lower
        left = [text for text in texts if same(text) not in {same(word) for word in words}] or [""]
        change = {"NONE": str, "LOWER": str.lower, "UPPER": str.upper}[action]
        want = [change(text) for text in left]
        np.testing.assert_array_equal(run(model, device, x=np.array(texts, object))["y"], want)


def test_numbers_and_texts(device):
    def cast(to, dtype):
        return model_of([node("Cast", to=to)], [("x", dtype, ["n"])], [("y", to)])

    texts = ["1", "-2.5", "3e-5", "+7", " 12 ", "INF", "-inf", "NaN"]
    wanted = np.array([1, -2.5, 3e-5, 7, 12, np.inf, -np.inf, np.nan], np.float32)
    np.testing.assert_array_equal(run(cast(F32, S), device, x=texts)["y"], wanted)
    np.testing.assert_array_equal(run(cast(I64, S), device, x=["-7", str(2**63 - 1)])["y"], [-7, 2**63 - 1])
    numbers = np.random.default_rng(1).normal(size=50).astype(np.float32) * np.float32(10) ** np.arange(-25, 25)
    made = run(cast(S, F32), device, x=numbers.astype(np.float32))["y"]
    np.testing.assert_array_equal([np.float32(text) for text in made], numbers.astype(np.float32))
    assert list(run(cast(S, I64), device, x=np.array([-3, 0]))["y"]) == ["-3", "0"]
    for text, kind in (("one", I64), ("1.5", I64), ("", F32), ("9223372036854775808", I64), ("bits(0x0)", F32)):
        with pytest.raises(tenon.InputError, match='Cast|text_number "y"'):
            run(cast(kind, S), device, x=[text])


def test_texts_that_differ(device):
    model = model_of([node("Unique", outputs="y first place count", sorted=1)], [("x", S, ["n"])],
                     [("y", S), ("first", I64), ("place", I64), ("count", I64)])  # fmt: skip
    texts = np.array(["b", "a", "", "b", "ä", "a"], object)
    want = np.unique(texts.astype(str), return_index=True, return_inverse=True, return_counts=True)
    for got, wanted in zip(run(model, device, x=texts).values(), want):
        np.testing.assert_array_equal(got, wanted)


def test_keys_of_either_kind(device):
    def encoder(kind, to, **attributes):
        return model_of([node("LabelEncoder", domain="ai.onnx.ml", **attributes)], [("x", kind, ["n"])], [("y", to)])

    names, numbers = ["b", "a", "ü"], [5, -1, 7]
    texts = np.array(["a", "ü", "?", "b"], object)
    check(encoder(S, I64, keys_strings=names, values_int64s=numbers, default_int64=9), device, x=texts)
    check(encoder(S, S, keys_strings=names, values_strings=["x", "", "z"]), device, x=texts)
    check(encoder(I64, S, keys_int64s=numbers, values_strings=names, default_string="none"), device,
          x=np.array([7, 0, 5]))  # fmt: skip
    mapper = node("CategoryMapper", domain="ai.onnx.ml", cats_strings=names, cats_int64s=numbers, default_int64=3)
    check(model_of([mapper], [("x", S, ["n", 2])], [("y", I64)]), device, x=texts.reshape(2, 2))
    back = node("CategoryMapper", domain="ai.onnx.ml", cats_strings=names, cats_int64s=numbers, default_string="?")
    check(model_of([back], [("x", I64, ["n"])], [("y", S)]), device, x=np.array([7, 5, 6]))


def test_a_branch_and_a_loop_carry_texts(device):
    body = helper.make_graph(
        [node("StringConcat", "text bang", "longer"), node("Identity", "on", "still")], "body",
        [helper.make_tensor_value_info("turn", I64, []), helper.make_tensor_value_info("on", BOOL, []),
         helper.make_tensor_value_info("text", S, ["n"])],
        [helper.make_tensor_value_info("still", BOOL, []), helper.make_tensor_value_info("longer", S, ["n"]),
         helper.make_tensor_value_info("longer", S, ["n"])],
    )  # fmt: skip
    model = model_of(
        [helper.make_node("Loop", ["turns", "", "x"], ["y", "all"], body=body)],
        [("x", S, ["n"]), ("turns", I64, [])], [("y", S), ("all", S)],
        [helper.make_tensor("bang", S, [1], [b"!"])],
    )  # fmt: skip
    made = run(model, device, x=["a", ""], turns=np.array(3))
    assert list(made["y"]) == ["a!!!", "!!!"]
    np.testing.assert_array_equal(made["all"], [["a!", "!"], ["a!!", "!!"], ["a!!!", "!!!"]])


def test_sequences_of_texts(device):
    nodes = [
        node("SequenceConstruct", "x x2", "pair"), node("SequenceInsert", "pair x place", "three"),
        node("SequenceAt", "three place", "first"), node("StringConcat", "first first", "y"),
    ]  # fmt: skip
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(S, ["n"]))
    place = helper.make_tensor("place", I64, [], [0])
    model = model_of(nodes, [("x", S, ["n"]), ("x2", S, ["n"])], [("y", S)], [place])
    model.graph.output.append(helper.make_value_info("three", kind))
    engine = build(model, device)
    made = engine.run({"x": ["a", "ü"], "x2": ["b", ""]})
    del engine
    assert list(made["y"]) == ["aa", "üü"]
    assert [list(each) for each in made["three"]] == [["a", "ü"], ["a", "ü"], ["b", ""]]


def test_outputs_outlive_the_run_and_the_engine(device):
    engine = build(model_of([node("StringConcat", "x x")], [("x", S, ["n"])], [("y", S)]), device)
    first = engine.run({"x": ["ab"]})["y"]
    second = engine.submit({"x": np.array(["c", "d"])}).result()["y"]
    del engine
    assert list(first) == ["abab"] and list(second) == ["cc", "dd"]


def test_a_plan_keeps_its_texts(device, tmp_path):
    words = [b"plain", "ünïcode".encode(), b"\xff\xfe not UTF-8", b"", b'quote " and \\ and \n']
    table = helper.make_tensor("table", S, [5], words)
    model = model_of([node("Gather", "table x")], [("x", I64, ["n"])], [("y", S)], [table])
    engine = build(model, device)
    engine.save(tmp_path / "texts.tenon")
    loaded = tenon.load(tmp_path / "texts.tenon", device=device)
    for each in (engine, loaded):
        made = each.run({"x": np.arange(5)})["y"]
        assert [text.encode("utf-8", "surrogateescape") for text in made] == words


def test_arrays_of_texts_in_every_form(device):
    engine = build(model_of([node("Identity")], [("x", S, ["n"])], [("y", S)]), device)
    forms = [["a", "bc"], ("a", "bc"), np.array(["a", "bc"]), np.array([b"a", b"bc"]), np.array(["a", "bc"], object)]
    if hasattr(np.dtypes, "StringDType"):
        forms.append(np.array(["a", "bc"], np.dtypes.StringDType()))
    forms.append(np.array(["bc", "a"])[::-1])
    for form in forms:
        made = engine.run({"x": form})["y"]
        assert made.dtype == object and list(made) == ["a", "bc"]
    assert engine.inputs[0].dtype == object
    with pytest.raises(tenon.InputError, match='input "x" holds a float; give strings alone'):
        engine.run({"x": np.array(["a", 1.5], object)})
    with pytest.raises(tenon.InputError, match='input "x" is f32, the network takes string'):
        engine.run({"x": np.zeros(2, np.float32)})
    with pytest.raises(tenon.InputError, match='out "y" holds texts, which each run makes; leave `out` away'):
        engine.run({"x": ["a"]}, out={"y": np.zeros(1)})


def test_a_network_in_code_has_texts(device):
    network = tenon.Network()
    x = network.input("x", ["n"], "string")
    table = network.constant("table", np.array(["a", "b"]))
    (column,) = network.add("Unsqueeze", x, network.constant("one", np.array([1])))
    network.output("y", network.add("Equal", column, table)[0])
    engine = tenon.build(network, device=device, tactics="first")
    np.testing.assert_array_equal(engine.run({"x": ["b", "c"]})["y"], [[False, True], [False, False]])


def test_no_file_gives_the_addresses_of_texts(tmp_path, lenet):
    header = b'{"fc2.bias":{"dtype":"STRING","shape":[10],"data_offsets":[0,80]}}'
    path = tmp_path / "addresses.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\1" * 80)
    with pytest.raises(tenon.RefitError, match="fc2.bias.*STRING"):
        lenet.refit(path)


@pytest.mark.skipif(not CLI, reason="needs the build tree")
def test_commands_take_and_show_texts(tmp_path):
    onnx.save(model_of([node("StringConcat", "x x")], [("x", S, ["n", 2])], [("y", S)]), tmp_path / "m.onnx")
    (tmp_path / "in.txt").write_text("a\nb c\n\n\"\n")
    (tmp_path / "in.raw").write_bytes(b"\1" * 32)

    def command(*given):
        done = subprocess.run([CLI, *given], capture_output=True, text=True, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    assert command("run", "m.onnx", "--inputs", "x=in.txt")[1].count(r'"aa" "b cb c" "" "\"\""') == 1
    shown = json.loads(command("run", "m.onnx", "--json", "--inputs", "x=in.txt")[1])
    assert shown["outputs"]["y"]["values"] == ["aa", "b cb c", "", '""']
    assert command("run", "m.onnx")[0] == command("bench", "m.onnx", "--seconds", "0.1")[0] == 0
    assert "give a .txt file" in command("run", "m.onnx", "--inputs", "x=in.raw")[1]
    for name in ("o.npz", "o.safetensors", "o.onnx"):
        code, said = command("run", "m.onnx", "--inputs", "x=in.txt", "--outputs", name)
        assert code != 0 and "texts" in said and not (tmp_path / name).exists()


def test_a_profile_takes_texts(device):
    engine = build(model_of([node("StringConcat", "x x")], [("x", S, ["n"])], [("y", S)]), device)
    assert all(layer.seconds >= 0 for layer in engine.profile({"x": ["a"]}))
