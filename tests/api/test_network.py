"""tenon.Network: nodes of any operator, and what a network tells of itself."""

import gc

import numpy as np
import pytest

import tenon

X = np.arange(6, dtype=np.float32).reshape(2, 3) - 2


def build(network, device):
    return tenon.build(network, device=device, tactics="first")


def applied(device, op, x=X, **attributes):
    network = tenon.Network()
    (y,) = network.add(op, network.input("x", x.shape, x.dtype), **attributes)
    network.output("y", y)
    return build(network, device)(x)


def constant(device, **value):
    network = tenon.Network()
    network.output("y", network.add("Constant", **value)[0])
    return build(network, device).run({})["y"]


def test_attributes_have_the_type_of_their_value(device):
    for alpha in (1, 1.0, np.float32(1), np.int64(1), True):
        assert np.array_equal(applied(device, "LeakyRelu", alpha=alpha), X), alpha
    for perm in ([1, 0], (1, 0), [np.int64(1), np.int64(0)]):
        assert np.array_equal(applied(device, "Transpose", perm=perm), X.T), perm
    assert np.allclose(applied(device, "Gelu", x=np.zeros(1, np.float32), approximate="tanh"), 0)
    for value, want in (
        ({"value": np.arange(3, dtype=np.int8)}, np.arange(3, dtype=np.int8)),
        ({"value_ints": [1, 2]}, np.array([1, 2])),
        ({"value_ints": []}, np.array([], np.int64)),
        ({"value_floats": [1, 0.5]}, np.array([1, 0.5], np.float32)),
        ({"value_floats": [1, 2]}, np.array([1, 2], np.float32)),
        ({"value_float": 2.5}, np.float32(2.5)),
    ):
        got = constant(device, **value)
        assert got.dtype == want.dtype and np.array_equal(got, want), value


def test_attributes_that_are_none_are_refused():
    network = tenon.Network()
    x = network.input("x", [3])
    for attributes, way_out in (
        ({"axis": 1 << 70}, "64 bits"),
        ({"axis": [1, "a"]}, "not both"),
        ({"axis": [1, [2]]}, "integers, floats or strings"),
        ({"axis": None}, "is a NoneType"),
        ({"outputs": 0}, "their number"),
        ({"outputs": "y"}, "their number"),
    ):
        with pytest.raises(tenon.InputError, match=way_out):
            network.add("Softmax", x, **attributes)
    with pytest.raises(tenon.InputError, match="values of the network, or None"):
        network.add("Softmax", X)


def test_outputs_are_all_that_is_wanted(device):
    network = tenon.Network()
    x = network.input("x", [1, 1, 2, 2])
    assert len(network.add("MaxPool", x, kernel_shape=[2, 2])) == 1
    assert len(network.add("MaxPool", x, kernel_shape=[2, 2], outputs=2)) == 2
    y, where = network.add("MaxPool", x, kernel_shape=[2, 2], outputs=["y", "where"])
    network.output("y", y)
    network.output("where", where)
    assert list(network.outputs()) == ["y", "where"]
    answer = build(network, device).run({"x": np.array([1, 3, 2, 0], np.float32).reshape(1, 1, 2, 2)})
    assert answer["y"].item() == 3 and answer["where"].item() == 1


def test_an_operand_may_be_absent(device):
    network = tenon.Network()
    network.output("y", network.add("Clip", network.input("x", [2, 3]), None, network.constant("most", np.float32(1)))[0])
    assert np.array_equal(build(network, device)(X), np.minimum(X, 1))


def test_versions_are_those_of_their_time(device):
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    old, new = (np.exp(x - x.max(axis, keepdims=True)) for axis in ((1, 2), (1,)))
    assert np.allclose(applied(device, "Softmax", x, axis=1, version=11), old / old.sum((1, 2), keepdims=True))
    assert np.allclose(applied(device, "Softmax", x, axis=1), new / new.sum(1, keepdims=True))


def test_a_borrowed_array_is_read_by_build(device):
    network = tenon.Network()
    w = np.zeros((3, 2), np.float32)
    network.output("y", network.matmul(network.input("x", [2, 3]), network.borrow("w", w)))
    w[:] = np.arange(6).reshape(3, 2)
    want = X @ w
    engine = build(network, device)
    w[:] = 99
    assert np.array_equal(engine(X), want)
    del w
    gc.collect()
    assert np.array_equal(build(network, device)(X), X @ np.full((3, 2), 99, np.float32))


def test_a_network_tells_what_it_holds():
    network = tenon.Network()
    x = network.input("x", ["n", 3], "float16")
    (y,) = network.add("Concat", x, x, axis=0)
    info = network.info(y)
    assert info.dtype == np.float16 and info.shape == ("2*n", 3)
    network.weight("w", np.zeros((2, 5), np.float32))
    network.constant("c", np.zeros(3, np.int8))
    told = [(leaf.name, leaf.dtype, leaf.shape, leaf.refittable) for leaf in network.leaves()]
    assert told == [("c", np.int8, (3,), False), ("w", np.float32, (2, 5), True)]
    network.output("y", y)
    assert network.info(network.outputs()["y"]).shape == info.shape


def loop(inputs=("x",), **shapes):
    """A loop of three turns whose body adds x, of the network, to what it carries."""
    network, body = tenon.Network(), tenon.Network()
    x = network.input("x", ["n", 2])
    body.input("turn", [], "int64")
    going = body.input("going", [], "bool")
    carried = body.input("carried", shapes.get("carried", ["n", 2]))
    captured = [body.input(name, ["m", 2]) for name in inputs]
    (total,) = body.add("Add", carried, *captured)
    body.output("going", going)
    body.output("total", total)
    trips = network.constant("trips", np.array(3))
    network.output("y", network.add("Loop", trips, None, x, name="turns", body=body)[0])
    return network


def test_a_body_reads_values_around_by_name():
    x = np.ones((4, 2), "float32")
    np.testing.assert_array_equal(tenon.build(loop())(x), 4 * x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": ["z"]}, 'network: Loop "turns": body: input "z" is none that the node gives, and no value around has its name'),
        ({"carried": ["n", 2, 2]}, 'network: Loop "turns": body: input "carried" is f32[n, 2, 2], and it is given f32[n, 2]'),
    ],
)
def test_bodies_that_do_not_fit_are_refused(options, message):
    with pytest.raises(tenon.BuildError) as refused:
        loop(**options)
    assert message in str(refused.value)


def test_a_body_may_not_take_a_name_that_is_taken():
    network, body = tenon.Network(), tenon.Network()
    network.weight("w", np.ones(2, "float32"))
    condition = network.input("c", [], "bool")
    body.output("y", body.weight("w", np.ones(2, "float32")))
    with pytest.raises(tenon.BuildError, match='the weight\'s name "w" is taken'):
        network.add("If", condition, then_branch=body, else_branch=body)
    assert [leaf.name for leaf in network.leaves()] == ["w"]


def test_what_a_body_borrows_is_read_by_build():
    network, body = tenon.Network(), tenon.Network()
    condition, w = network.input("c", [], "bool"), np.ones(2, "float32")
    other = tenon.Network()
    body.output("y", body.borrow("w", w))
    other.output("y", other.constant("none", np.zeros(2, "float32")))
    network.output("y", network.add("If", condition, then_branch=body, else_branch=other)[0])
    w[:] = 7
    assert tenon.build(network)(np.array(True)).tolist() == [7, 7]
