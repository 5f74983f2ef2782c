"""Layers of language models, random numbers and assertions, against NumPy's formulas."""

import numpy as np
import pytest
import tenon.trt as trt
from layers_for_test import Layers, floats
from small import Records

SOFTMAX, NONE = trt.AttentionNormalizationOp.SOFTMAX, trt.AttentionNormalizationOp.NONE
Causal = trt.CausalMaskKind


def softmax(x):
    with np.errstate(invalid="ignore"):
        e = np.exp(x - x.max(-1, keepdims=True))
        return np.nan_to_num(e / e.sum(-1, keepdims=True))


def seen(kind, queries, keys):
    if kind == Causal.NONE:
        return np.ones((queries, keys), bool)
    return np.tri(queries, keys, keys - queries if kind == Causal.LOWER_RIGHT else 0, dtype=bool)


@pytest.mark.parametrize("mask", [None, "bool", "float"])
@pytest.mark.parametrize("kind", [Causal.NONE, Causal.UPPER_LEFT, Causal.LOWER_RIGHT])
def test_attention_has_no_scale(kind, mask):
    q, k, v = floats(2, 3, 4, 8), floats(2, 3, 6, 8), floats(2, 3, 6, 5)
    layers = Layers()
    made = layers.net.add_attention_v2(
        query=layers.input(q), key=layers.input(k), value=layers.input(v), norm_op=SOFTMAX, causal_kind=kind
    )
    scores = q @ k.swapaxes(-1, -2)
    scores = np.where(seen(kind, 4, 6), scores, -np.inf)
    if mask == "bool":
        allowed = np.arange(24).reshape(4, 6) % 5 != 4
        made.mask = layers.input(allowed)
        scores = np.where(allowed, scores, -np.inf)
    elif mask == "float":
        bias = floats(4, 6)
        made.mask = layers.input(bias)
        scores = scores + bias
    assert (made.num_inputs, made.num_outputs, made.causal_kind) == (3 + (mask is not None), 1, kind)
    (y,) = layers.run([made.get_output(0)])
    np.testing.assert_allclose(y, softmax(scores) @ v, rtol=1e-4, atol=1e-5)


def test_attention_without_softmax_is_two_products():
    q, k, v = floats(1, 2, 3, 4), floats(1, 2, 5, 4), floats(1, 2, 5, 4)
    layers = Layers()
    made = layers.net.add_attention(query=layers.input(q), key=layers.input(k), value=layers.input(v), norm_op=NONE, causal=False)
    (y,) = layers.run([made.get_output(0)])
    np.testing.assert_allclose(y, q @ k.swapaxes(-1, -2) @ v, rtol=1e-4, atol=1e-5)


def test_an_attention_is_walked_and_changed():
    logger = Records()
    layers = Layers(logger)
    x, y = layers.input(floats(1, 1, 2, 4)), layers.input(floats(1, 1, 3, 4))
    made = layers.net.add_attention(x, x, x, SOFTMAX, True)
    made.name, made.metadata, made.decomposable = "att", "of mine", True
    assert [type(layer) for layer in layers.net] == [trt.IAttentionInputLayer, trt.IAttentionOutputLayer]
    assert layers.net[1].attention.name == "att" and made.decomposable and made.metadata == "of mine"
    assert made.causal and made.causal_kind == Causal.UPPER_LEFT and made.norm_op == SOFTMAX
    made.causal = False
    assert made.set_input(index=1, tensor=y) and made.set_input(2, y) and made.get_input(1).name == y.name
    assert tuple(made.get_output(0).shape) == (1, 1, 2, 4) and not logger.errors()
    assert not made.set_input(3, y) and "it has 3" in logger.errors()[-1]
    made.query_form = trt.AttentionIOForm.PACKED_NHD
    assert made.query_form == trt.AttentionIOForm.PADDED_BHND and "packed" in logger.errors()[-1]
    made.normalization_quantize_to_type = trt.fp8
    assert "quantised scores" in logger.errors()[-1]
    made.num_ranks = 2
    assert made.num_ranks == 1 and "one device" in logger.errors()[-1]


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("dim", [0, 4])
@pytest.mark.parametrize("placed", [False, True])
def test_rotary_embedding(interleaved, dim, placed):
    x, width = floats(2, 3, 5, 8), dim or 8
    angle = np.linspace(0, 7, 2 * 5 * width // 2, dtype=np.float32).reshape(2, 5, width // 2)
    layers = Layers()
    if placed:
        places, table = np.arange(10).reshape(2, 5)[:, ::-1].copy(), angle.reshape(10, -1)
        angle = table[places]
    else:
        table = angle
    made = layers.net.add_rotary_embedding(
        input=layers.input(x), cos_cache=layers.input(np.cos(table)), sin_cache=layers.input(np.sin(table)),
        interleaved=interleaved, rotary_embedding_dim=dim,
    )  # fmt: skip
    if placed:
        made.set_input(3, layers.input(places))
    assert (made.interleaved, made.rotary_embedding_dim, type(made)) == (interleaved, dim, trt.IRotaryEmbeddingLayer)
    (y,) = layers.run([made.get_output(0)])
    halves = (slice(0, width, 2), slice(1, width, 2)) if interleaved else (slice(0, width // 2), slice(width // 2, width))
    want = x.copy()
    a, b = (x[..., half] for half in halves)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    want[..., halves[0]], want[..., halves[1]] = a * cos - b * sin, a * sin + b * cos
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-5)


def test_a_cache_is_updated_in_its_own_memory():
    cache, update, places = floats(2, 3, 8, 4), floats(2, 3, 2, 4), np.array([1, 5], np.int32)
    layers = Layers()
    made = layers.net.add_kv_cache_update(
        cache=layers.input(cache), update=layers.input(update), write_indices=layers.input(places), cache_mode=trt.KVCacheMode.LINEAR
    )
    assert type(made) is trt.IKVCacheUpdateLayer and made.cache_mode == trt.KVCacheMode.LINEAR
    want = cache.copy()
    for i, at in enumerate(places):
        want[i, :, at : at + 2] = update[i]
    out = made.get_output(0)
    out.name = "y"
    layers.net.mark_output(out)
    builder, logger = layers.builder, Records()
    plan = builder.build_serialized_network(layers.net, builder.create_builder_config())
    engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
    assert engine.get_aliased_input_tensor("y") == "x0" and engine.get_aliased_input_tensor("x0") is None
    context, apart = engine.create_execution_context(), np.zeros_like(cache)
    for name, array in {"x0": cache, "x1": update, "x2": places, "y": apart}.items():
        context.set_tensor_address(name, array.ctypes.data)
    assert context.execute_async_v3(0) and np.array_equal(apart, want)
    context.set_tensor_address("y", cache.ctypes.data)
    assert context.execute_async_v3(0) and np.array_equal(cache, want)


def test_ragged_softmax_is_of_the_first_elements():
    x, bounds = floats(3, 6), np.array([[6], [2], [0]], np.int32)
    layers = Layers()
    made = layers.net.add_ragged_softmax(input=layers.input(x), bounds=layers.input(bounds))
    (y,) = layers.run([made.get_output(0)])
    want = softmax(np.where(np.arange(6) < bounds, x, -np.inf))
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-6)
    assert (y[2] == 0).all() and y[1].sum() == pytest.approx(1)


@pytest.mark.parametrize("op", ["RANDOM_UNIFORM", "RANDOM_NORMAL"])
@pytest.mark.parametrize("given", [False, True])
def test_random_fills_have_their_distribution(op, given):
    layers = Layers()
    made = layers.net.add_fill(shape=(40, 100), op=trt.FillOperation[op])
    made.alpha, made.beta = 3.0, 5.0
    if given:
        made.set_input(0, layers.input(np.array([40, 100], np.int32)))
    assert made.operation.name == op and (made.alpha, made.beta, made.is_alpha_beta_int64()) == (3, 5, False)
    (y,) = layers.run([made.get_output(0)])
    assert y.shape == (40, 100) and len(np.unique(y)) > 3900
    if op == "RANDOM_UNIFORM":
        assert y.min() >= 3 and y.max() < 5 and abs(y.mean() - 4) < 0.05 and abs(y.std() - 2 / 12**0.5) < 0.03
    else:
        assert abs(y.mean() - 3) < 0.3 and abs(y.std() - 5) < 0.2 and 0.66 < (abs(y - 3) < 5).mean() < 0.71


def test_a_false_assertion_fails_the_run():
    logger = Records()
    layers = Layers(logger)
    x, limit = layers.input(floats(4)), layers.constant(np.array([10], np.float32))
    small = layers.net.add_elementwise(x, limit, trt.ElementWiseOperation.LESS).get_output(0)
    made = layers.net.add_assertion(condition=small, message="x is large")
    assert type(made) is trt.IAssertionLayer and made.message == "x is large" and made.num_outputs == 0
    y = layers.net.add_unary(x, trt.UnaryOperation.NEG).get_output(0)
    y.name = "y"
    layers.net.mark_output(y)
    plan = layers.builder.build_serialized_network(layers.net, layers.builder.create_builder_config())
    engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
    assert list(engine) == ["x0", "y"]
    context, given, out = engine.create_execution_context(), layers.inputs["x0"], np.empty(4, np.float32)
    bindings = [given.ctypes.data, out.ctypes.data]
    assert context.execute_v2(bindings) and np.array_equal(out, -given)
    given[2] = 11
    assert not context.execute_v2(bindings)
    assert logger.errors() == ["IExecutionContext::executeV2: Error Code 7: Execution (assertion failed: x is large)"]
    given[2] = 0
    assert context.execute_v2(bindings)


def test_an_assertion_inside_of_a_loop_is_refused():
    logger = Records()
    layers = Layers(logger)
    loop = layers.net.add_loop()
    loop.add_trip_limit(layers.constant(np.array(2, np.int32)), trt.TripLimit.COUNT)
    carried = loop.add_recurrence(layers.input(floats(2)))
    double = layers.net.add_elementwise(carried.get_output(0), carried.get_output(0), trt.ElementWiseOperation.SUM)
    carried.set_input(1, double.get_output(0))
    layers.net.add_assertion(layers.net.add_unary(carried.get_output(0), trt.UnaryOperation.ISNAN).get_output(0), "no")
    layers.net.mark_output(loop.add_loop_output(carried.get_output(0), trt.LoopOutput.LAST_VALUE).get_output(0))
    assert layers.builder.build_serialized_network(layers.net, layers.builder.create_builder_config()) is None
    assert "inside of a loop" in logger.errors()[-1]
