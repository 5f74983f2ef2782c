"""Ops of ONNX's other domains, and functions of a model's own: against ONNX's reference or a closed form."""

import numpy as np
import onnx
import onnx.parser
import onnx.reference
import pytest

import tenon

# As the table of imports names them; what has no line of *.cases.
OPS = {
    "ai.onnx.preview.FlexAttention", "ai.onnx.preview.training.Adagrad", "ai.onnx.preview.training.Adam",
    "ai.onnx.preview.training.Momentum",
}  # fmt: skip


def built(text, device="cpu"):
    model = onnx.parser.parse_model(text)
    return model, tenon.build(model.SerializeToString(), device=device, tactics="first", threads=1)


def check(text, feed, device, tol=1e-5):
    model, engine = built(text, device)
    want = onnx.reference.ReferenceEvaluator(model).run(None, feed)
    got = engine.run(feed)
    for port, each in zip(model.graph.output, want, strict=True):
        np.testing.assert_allclose(got[port.name], each, rtol=tol, atol=tol)


def arrays(seed, **shapes):
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}


HEAD = '<ir_version: 10, opset_import: ["" : {opset}, "{domain}" : 1]>'


@pytest.mark.parametrize("q_heads, kv_heads", [(2, 2), (4, 2)])
@pytest.mark.parametrize("attributes", ["", "<scale = 0.3>"])
def test_flex_attention(attributes, q_heads, kv_heads, device):
    text = HEAD.format(opset=24, domain="ai.onnx.preview") + f"""
    g (float[b,{q_heads},l,4] q, float[b,{kv_heads},s,4] k, float[b,{kv_heads},s,3] v) => (float[b,{q_heads},l,3] y) {{
        y = ai.onnx.preview.FlexAttention {attributes} (q, k, v)
    }}"""
    feed = arrays(1, q=(2, q_heads, 5, 4), k=(2, kv_heads, 6, 4), v=(2, kv_heads, 6, 3))
    model, engine = built(text, device)
    (want,) = onnx.reference.ReferenceEvaluator(model).run(None, feed)
    np.testing.assert_allclose(engine.run(feed)["y"], want, atol=1e-5)


def test_flex_attention_with_scores_of_the_models_own(device):
    """A causal mask and halved weights; the graphs read a value and a weight around them."""
    text = HEAD.format(opset=24, domain="ai.onnx.preview") + """
    g (float[1,2,3,4] q, float[1,2,3,4] k, float[1,2,3,4] v, float[3,3] mask) => (float[1,2,3,4] y)
    <float half = {0.5}> {
        y = ai.onnx.preview.FlexAttention (q, k, v) <
            score_mod: graph = s (float[b,h,l,m] scores) => (float[b,h,l,m] out) { out = Add(scores, mask) },
            prob_mod: graph = p (float[b,h,l,m] weights) => (float[b,h,l,m] less) { less = Mul(weights, half) }>
    }"""
    feed = arrays(2, q=(1, 2, 3, 4), k=(1, 2, 3, 4), v=(1, 2, 3, 4))
    feed["mask"] = np.where(np.tri(3, dtype=bool), 0, -np.inf).astype(np.float32)
    _, engine = built(text, device)
    scores = feed["q"] @ np.swapaxes(feed["k"], 2, 3) / 2 + feed["mask"]
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    np.testing.assert_allclose(engine.run(feed)["y"], weights / 2 @ feed["v"], atol=1e-5)


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize(
    "op, states",
    [
        ("Adagrad <norm_coefficient = 0.01, epsilon = 1e-5, decay_factor = 0.1>", 1),
        ("Adagrad", 1),
        ("Momentum <norm_coefficient = 0.01, alpha = 0.95, beta = 0.7, mode = \"standard\">", 1),
        ("Momentum <norm_coefficient = 0.01, alpha = 0.95, beta = 0.7, mode = \"nesterov\">", 1),
        ("Adam <norm_coefficient = 0.01, alpha = 0.9, beta = 0.99, epsilon = 1e-6, norm_coefficient_post = 0.1>", 2),
        ("Adam", 2),
    ],
)
def test_steps_of_optimizers(op, states, steps, device):
    names = ["x", "g", "v", "h"][: 2 + states]
    inputs = [f"{name}{i}" for name in names for i in (1, 2)]
    outputs = [f"{name}{i}_new" for name in ["x", "v", "h"][: 1 + states] for i in (1, 2)]
    declared = ", ".join(f"float[{name[-1]},3] {name}" for name in inputs)
    text = HEAD.format(opset=17, domain="ai.onnx.preview.training") + f"""
    g (float r, int64 t, {declared}) => ({", ".join(f"float[m,3] {name}" for name in outputs)}) {{
        {", ".join(outputs)} = ai.onnx.preview.training.{op} (r, t, {", ".join(inputs)})
    }}"""
    feed = arrays(3, **{name: (int(name[-1]), 3) for name in inputs})
    for name in inputs:
        if name[0] in "vh":
            feed[name] = np.abs(feed[name])
    check(text, feed | {"r": np.float32(0.1), "t": np.int64(steps)}, device)


def test_an_opset_that_is_not_imported_is_told():
    model = onnx.parser.parse_model(HEAD.format(opset=17, domain="other") + """
    g (float[3] x) => (float[3] y) { y = Relu(x) }""")
    del model.opset_import[0]
    with pytest.raises(tenon.BuildError, match='Relu "y" is of the default domain, and the model imports no opset'):
        tenon.build(model.SerializeToString())


# --- functions of a model's own

FUNCTIONS = """
<ir_version: 10, opset_import: ["" : 17, "own" : 1]>
g (float[n] x) => (float[n] y, float[n] z) <float[1] w = {2}> {
    [first] y = own.twice <by = 3> (x, w)
    z = own.clip (x)
}
<domain: "own", opset_import: ["" : 17, "own" : 1]>
scaled <by> (x, w) => (y) {
    factor = Constant <value_int: int = @by> ()
    f = Cast <to = 1> (factor)
    t = Mul(x, w)
    y = Mul(t, f)
}
<domain: "own", opset_import: ["" : 17, "own" : 1]>
twice <by> (x, w) => (b) {
    a = own.scaled <by: int = @by> (x, w)
    b = own.scaled <by: int = @by> (a, w)
}
<domain: "own", opset_import: ["" : 17, "own" : 1]>
clip <low: float = -0.5> (x) => (y) {
    least = Constant <value_float: float = @low> ()
    y = Max(x, least)
}
"""


def test_functions_are_nested_and_take_attributes(device):
    _, engine = built(FUNCTIONS, device)
    x = np.linspace(-2, 2, 5, dtype=np.float32)
    got = engine.run({"x": x})
    np.testing.assert_allclose(got["y"], 36 * x)
    np.testing.assert_allclose(got["z"], np.maximum(x, -0.5))
    engine.refit({"w": np.array([1], np.float32)})
    np.testing.assert_allclose(engine.run({"x": x})["y"], 9 * x)


def test_weights_inside_functions_are_named_by_their_call(device, tmp_path):
    model = onnx.parser.parse_model("""
    <ir_version: 10, opset_import: ["" : 17, "own" : 1]>
    g (float[2,300] x) => (float[2,300] y) {
        [one] a = own.shift (x)
        [two] y = own.shift (a)
    }
    <domain: "own", opset_import: ["" : 17]>
    shift (x) => (y) { y = Add(x, c) }""")
    w = np.arange(300, dtype=np.float32)
    constant = onnx.helper.make_node("Constant", [], ["c"], value=onnx.numpy_helper.from_array(w))
    model.functions[0].node.insert(0, constant)
    engine = tenon.build(model.SerializeToString(), device=device, tactics="first")
    assert sorted(engine.weights) == ["one/c", "two/c"]
    x = np.zeros((2, 300), np.float32)
    np.testing.assert_array_equal(engine(x), x + 2 * w)
    engine.refit({"two/c": 5 * w})
    np.testing.assert_array_equal(engine(x), x + 6 * w)
    onnx.save(model, tmp_path / "m.onnx")
    assert sorted(engine.refit(tmp_path / "m.onnx").changed) == ["one/c", "two/c"]
    np.testing.assert_array_equal(engine(x), x + 2 * w)


def test_overloads_are_told_apart(device):
    model = onnx.parser.parse_model(FUNCTIONS)
    del model.functions[1:]
    del model.graph.node[:], model.graph.output[:]
    other = model.functions.add()
    other.CopyFrom(model.functions[0])
    other.overload = "minus"
    other.node.add(op_type="Neg", input=["y"], output=["m"])
    other.output[0] = "m"
    for name, overload in (("y", ""), ("z", "minus")):
        node = onnx.helper.make_node("scaled", ["x", "w"], [name], domain="own", overload=overload, by=1)
        model.graph.node.append(node)
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n"]))
    got = tenon.build(model.SerializeToString(), device=device, tactics="first").run({"x": np.ones(2, np.float32)})
    np.testing.assert_array_equal(got["y"], -got["z"])
    assert got["y"][0] == 2


def test_a_body_inside_a_function_reads_the_call(device):
    _, engine = built("""
    <ir_version: 10, opset_import: ["" : 17, "own" : 1]>
    g (float[3] x, bool c) => (float[3] y) { y = own.maybe (x, c) }
    <domain: "own", opset_import: ["" : 17]>
    maybe (x, c) => (y) {
        y = If (c) <then_branch = a () => (t) { t = Neg(x) }, else_branch = b () => (t) { t = Identity(x) }>
    }""", device)
    x = np.arange(3, dtype=np.float32)
    for c in (True, False):
        np.testing.assert_array_equal(engine.run({"x": x, "c": np.array(c)})["y"], -x if c else x)


@pytest.mark.parametrize(
    "functions, said",
    [
        ("f (x) => (y) { y = own.f (x) }", "calls itself"),
        ("f (x) => (y) { y = own.e (x) }\n<domain: \"own\", opset_import: [\"own\" : 1]> e (x) => (y) { y = own.f (x) }", "calls itself"),
        ("f (x, z) => () { }", "is called with 1 inputs and 1 outputs, and has 2 and 0"),
        ("f <a> (x) => (y) { y = Constant <value_float: float = @a> () }", 'is called without its attribute "a"'),
    ],
)  # fmt: skip
def test_calls_that_do_not_fit(functions, said):
    text = f"""<ir_version: 10, opset_import: ["" : 17, "own" : 1]>
    g (float[3] x) => (float[3] y) {{ y = own.f (x) }}
    <domain: "own", opset_import: ["" : 17, "own" : 1]> {functions}"""
    with pytest.raises(tenon.BuildError, match=said):
        tenon.build(onnx.parser.parse_model(text).SerializeToString())


def test_calls_are_bounded_in_depth():
    """Each function calls the one before twice: a file of a few KB would stand for 2^80 nodes."""
    depth = 80
    functions = "".join(
        f'<domain: "own", opset_import: ["" : 17, "own" : 1]> f{i} (x) => (y) {{ t = own.f{i - 1} (x)  y = own.f{i - 1} (t) }}\n'
        for i in range(1, depth)
    )
    text = f"""<ir_version: 10, opset_import: ["" : 17, "own" : 1]>
    g (float[3] x) => (float[3] y) {{ y = own.f{depth - 1} (x) }}
    <domain: "own", opset_import: ["" : 17]> f0 (x) => (y) {{ y = Neg(x) }}
    {functions}"""
    with pytest.raises(tenon.BuildError, match="more than 64 deep"):
        tenon.build(onnx.parser.parse_model(text).SerializeToString())
