"""Ops that draw numbers: reproducible, in their range, and distributed as they should be."""

import numpy as np
import pytest
from onnx import TensorProto, helper

import tenon

# What has no line of *.cases: no oracle gives these numbers.
OPS = {
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
}  # fmt: skip

COUNT = 40_000


def draw(op, x=None, outputs=1, device="cpu", opset=22, more=(), **attributes):
    names = [] if x is None else ["x", *(f"m{i}" for i in range(len(more)))]
    node = helper.make_node(op, names, [f"y{i}" for i in range(outputs)], name=attributes.pop("name", "n"), **attributes)
    values = dict(zip(names, [x, *more]))
    declared = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in values.items()
    ]
    made = [helper.make_empty_tensor_value_info(name) for name in node.output]
    model = helper.make_model(
        helper.make_graph([node], "g", declared, made), opset_imports=[helper.make_opsetid("", opset)], ir_version=10
    )
    engine = tenon.build(model.SerializeToString(), device=device, tactics="first")
    first, second = engine.run(values), engine.run(values)
    for name in node.output:
        np.testing.assert_array_equal(first[name], second[name])  # each run draws the same numbers
    results = [first[name] for name in node.output]
    return results[0] if outputs == 1 else results


def near(got, want, spread):
    """Within five standard errors of a mean of so many draws."""
    assert abs(got - want) <= 5 * spread / np.sqrt(COUNT), (got, want)


@pytest.mark.parametrize("op", ["RandomUniform", "RandomUniformLike"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_uniform(op, dtype, device):
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    like = {"x": np.zeros((COUNT // 100, 100), dtype)} if op.endswith("Like") else {"shape": [COUNT // 100, 100], "dtype": kind}
    y = draw(op, low=-1.0, high=3.0, seed=7.0, device=device, **like)
    assert y.dtype == dtype and y.shape == (COUNT // 100, 100)
    assert y.min() >= -1 and y.max() <= 3
    wide = y.astype(np.float64)
    near(wide.mean(), 1, 4 / np.sqrt(12))
    near((wide > 2).mean(), 0.25, 0.5)
    near(np.mean((wide.ravel()[1:] - 1) * (wide.ravel()[:-1] - 1)), 0, 4 / 3)  # neighbours do not go together


@pytest.mark.parametrize("op", ["RandomNormal", "RandomNormalLike"])
def test_normal(op, device):
    like = {"x": np.zeros(COUNT, np.float32)} if op.endswith("Like") else {"shape": [COUNT]}
    y = draw(op, mean=2.0, scale=3.0, seed=1.0, device=device, **like).astype(np.float64)
    assert np.isfinite(y).all()
    z = (y - 2) / 3
    near(z.mean(), 0, 1)
    near((z**2).mean(), 1, np.sqrt(2))
    near((z**3).mean(), 0, np.sqrt(15))
    near((np.abs(z) > 1.959964).mean(), 0.05, np.sqrt(0.05 * 0.95))


def test_seeds_and_names_give_other_numbers(device):
    shape = {"shape": [1000], "device": device}
    draws = [
        draw("RandomUniform", seed=1.0, **shape), draw("RandomUniform", seed=2.0, **shape),
        draw("RandomUniform", name="a", **shape), draw("RandomUniform", name="b", **shape),
    ]  # fmt: skip
    for i, one in enumerate(draws):
        for other in draws[:i]:
            assert abs(np.corrcoef(one, other)[0, 1]) < 0.2 and not np.array_equal(one, other)
    np.testing.assert_array_equal(draws[0], draw("RandomUniform", seed=1.0, name="other", **shape))


def test_bernoulli(device):
    p = np.repeat(np.array([0, 0.25, 0.9, 1], np.float32), COUNT // 4)
    y = draw("Bernoulli", p, seed=3.0, dtype=TensorProto.BOOL, device=device).reshape(4, -1).mean(1)
    assert y[0] == 0 and y[3] == 1
    near(y[1], 0.25, 2 * np.sqrt(0.25 * 0.75))
    near(y[2], 0.9, 2 * np.sqrt(0.1 * 0.9))


def test_multinomial(device):
    p = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 1e-30]])
    y = draw("Multinomial", np.log(p).astype(np.float32), sample_size=COUNT, seed=4.0, dtype=TensorProto.INT64, device=device)
    assert y.shape == (2, COUNT) and y.dtype == np.int64
    for row, want in zip(y, p):
        for value, chance in enumerate(want):
            near((row == value).mean(), chance, np.sqrt(chance * (1 - chance)) + 1e-3)


@pytest.mark.parametrize("training", [True, False])
def test_dropout(training, device):
    x = np.ones(COUNT, np.float32)
    y, mask = draw("Dropout", x, outputs=2, more=[np.float32(0.25), np.array(training)], seed=5, device=device)
    if not training:
        assert mask.all() and (y == 1).all()
        return
    assert mask.dtype == bool
    near(mask.mean(), 0.75, np.sqrt(0.25 * 0.75))
    np.testing.assert_allclose(y, np.where(mask, 1 / 0.75, 0), rtol=1e-6)
