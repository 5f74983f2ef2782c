"""Ops of ai.onnx.ml: against ONNX's reference, or a closed form where it has none."""

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
from onnx import helper

import tenon

OPS = {f"ai.onnx.ml.{name}" for name in (
    "ArrayFeatureExtractor", "Binarizer", "FeatureVectorizer", "Imputer", "LabelEncoder", "LinearClassifier",
    "LinearRegressor", "Normalizer", "OneHotEncoder", "SVMClassifier", "SVMRegressor", "Scaler", "TreeEnsemble", "TreeEnsembleClassifier",
    "TreeEnsembleRegressor", "ZipMap",
)}  # fmt: skip

X = np.random.default_rng(3).uniform(-2, 2, (6, 4)).astype(np.float32)


def model_of(op, arrays, version=1, **attributes):
    names = [f"x{i}" for i in range(len(arrays))]
    node = helper.make_node(op, names, ["y"], domain="ai.onnx.ml", **attributes)
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for name, a in zip(names, arrays)
    ]
    graph = helper.make_graph([node], "g", inputs, [helper.make_empty_tensor_value_info("y")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", version)], ir_version=10)


def run(op, arrays, device, version=1, **attributes):
    model = model_of(op, arrays, version, **attributes)
    engine = tenon.build(model.SerializeToString(), device=device, tactics="first", threads=1)
    return engine.run({f"x{i}": a for i, a in enumerate(arrays)})["y"]


def check(op, arrays, device, version=1, tol=1e-5, **attributes):
    model = model_of(op, arrays, version, **attributes)
    feed = {f"x{i}": a for i, a in enumerate(arrays)}
    (want,) = onnx.reference.ReferenceEvaluator(model).run(None, feed)
    got = run(op, arrays, device, version, **attributes)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=tol, atol=tol)


def test_columns(device):
    check("ArrayFeatureExtractor", [X, np.array([2, 0, 2])], device)
    check("ArrayFeatureExtractor", [X.astype(np.int64), np.array([[3]])], device)


def test_scalers(device):
    check("Binarizer", [X], device, threshold=0.5)
    check("Scaler", [X], device, offset=[0.5, 1.0, -1.0, 2.0], scale=[2.0, 0.5, 1.0, 3.0])
    check("Scaler", [X], device, offset=[0.5], scale=[2.0])
    np.testing.assert_allclose(run("Scaler", [np.arange(4)], device, offset=[1.0], scale=[0.5]), (np.arange(4) - 1) / 2)
    for norm in ("MAX", "L1", "L2"):
        check("Normalizer", [X], device, norm=norm)


def test_imputers(device):
    holes = np.where(X > 0.5, np.nan, X).astype(np.float32)
    check("Imputer", [holes], device, imputed_value_floats=[1.0, 2.0, 3.0, 4.0], replaced_value_float=float("nan"))
    check("Imputer", [holes], device, imputed_value_floats=[7.0], replaced_value_float=float("nan"))
    numbers = (X > 0).astype(np.int64)
    check("Imputer", [numbers], device, imputed_value_int64s=[5, 6, 7, 8], replaced_value_int64=1)


def test_feature_vectorizer(device):
    check("FeatureVectorizer", [X, X[:, :2] + 1], device, inputdimensions=[4, 2])


def test_linear_regressor(device):
    w = np.arange(8, dtype=np.float32) / 4
    check("LinearRegressor", [X], device, coefficients=w, intercepts=[0.5, -1.0], targets=2)
    check("LinearRegressor", [X], device, coefficients=w[:4], intercepts=[0.5])


# --- trees


def forest(rng, trees, depth, targets, dtype, modes=(0,), missing=False):
    """Full trees, as version 5 has them."""
    nodes, leaves, roots = [], [], []

    def grow(level):
        if level == depth:
            leaves.append((int(rng.integers(targets)), float(rng.normal())))
            return len(leaves) - 1
        at = len(nodes)
        nodes.append(None)
        yes, no = grow(level + 1), grow(level + 1)
        last = int(level + 1 == depth)
        nodes[at] = (int(rng.integers(4)), float(rng.uniform(-1, 1)), int(rng.choice(modes)), yes, no, last, last, int(rng.integers(2)))
        return at

    for _ in range(trees):
        roots.append(grow(0))
    feature, split, mode, yes, no, yes_leaf, no_leaf, tracks = zip(*nodes)
    given = dict(
        nodes_featureids=feature, nodes_truenodeids=yes, nodes_falsenodeids=no, nodes_trueleafs=yes_leaf,
        nodes_falseleafs=no_leaf, tree_roots=roots, n_targets=targets, leaf_targetids=[each[0] for each in leaves],
        nodes_splits=onnx.numpy_helper.from_array(np.array(split, dtype)),
        nodes_modes=onnx.numpy_helper.from_array(np.array(mode, np.uint8)),
        leaf_weights=onnx.numpy_helper.from_array(np.array([each[1] for each in leaves], dtype)),
    )  # fmt: skip
    return given | ({"nodes_missing_value_tracks_true": tracks} if missing else {})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("aggregate", [0, 1, 2, 3])
def test_trees(aggregate, dtype, device):
    rng = np.random.default_rng(aggregate)
    given = forest(rng, 5, 3, 2, dtype, modes=range(6))
    check("TreeEnsemble", [X.astype(dtype)], device, version=5, aggregate_function=aggregate, **given)


def test_trees_track_what_is_missing(device):
    given = forest(np.random.default_rng(7), 4, 4, 1, np.float32, modes=range(6), missing=True)
    holes = np.where(np.abs(X) > 1, np.nan, X).astype(np.float32)
    check("TreeEnsemble", [holes], device, version=5, **given)


def test_a_tree_that_leads_nowhere_is_refused(device):
    given = forest(np.random.default_rng(1), 1, 2, 1, np.float32)
    given["nodes_truenodeids"] = (0, *given["nodes_truenodeids"][1:])
    with pytest.raises(tenon.BuildError, match="back to itself"):
        run("TreeEnsemble", [X], device, version=5, **given)
    given["nodes_truenodeids"] = (99, *given["nodes_truenodeids"][1:])
    with pytest.raises(tenon.BuildError, match="leads to node 99"):
        run("TreeEnsemble", [X], device, version=5, **given)


@pytest.mark.parametrize("aggregate", ["SUM", "AVERAGE", "MIN", "MAX"])
def test_regressor_of_trees(aggregate, device):
    """Two trees of several targets a leaf; the closed form is written out."""
    given = dict(
        nodes_treeids=[0, 0, 0, 1, 1, 1], nodes_nodeids=[0, 1, 2, 0, 1, 2], nodes_featureids=[1, 0, 0, 2, 0, 0],
        nodes_values=[0.25, 0, 0, -0.5, 0, 0], nodes_truenodeids=[1, 0, 0, 1, 0, 0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_GT", "LEAF", "LEAF"], nodes_falsenodeids=[2, 0, 0, 2, 0, 0],
        target_treeids=[0, 0, 0, 0, 1, 1, 1, 1], target_nodeids=[1, 1, 2, 2, 1, 1, 2, 2], target_ids=[0, 1] * 4,
        target_weights=[1.0, 2, 3, 4, 50, 60, 70, 80], n_targets=2,
    )  # fmt: skip
    first = np.where(X[:, 1:2] <= 0.25, np.float32([1, 2]), np.float32([3, 4]))
    second = np.where(X[:, 2:3] > -0.5, np.float32([50, 60]), np.float32([70, 80]))
    want = {"SUM": first + second, "AVERAGE": (first + second) / 2, "MIN": np.minimum(first, second), "MAX": np.maximum(first, second)}
    got = run("TreeEnsembleRegressor", [X], device, aggregate_function=aggregate, base_values=[0.5, -1.0], **given)
    np.testing.assert_allclose(got, want[aggregate] + np.float32([0.5, -1]))


# --- against ONNX Runtime, which has these where ONNX's reference has not


def both(op, arrays, outputs, device, version=1, **attributes):
    """What Tenon and ONNX Runtime give."""
    model = model_of(op, arrays, version, **attributes)
    names = [f"y{i}" for i in range(outputs)]
    del model.graph.node[0].output[:], model.graph.output[:]
    model.graph.node[0].output.extend(names)
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    feed = {f"x{i}": a for i, a in enumerate(arrays)}
    engine = tenon.build(model.SerializeToString(), device=device, tactics="first", threads=1)
    got = engine.run(feed)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [got[name] for name in names], session.run(None, feed)


def check_both(*args, **attributes):
    for got, want in zip(*both(*args, **attributes), strict=True):
        assert (got.dtype, got.shape) == (want.dtype, want.shape)
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC"])
@pytest.mark.parametrize("classes", [2, 3])
def test_linear_classifier(classes, transform, device):
    w = np.random.default_rng(classes).normal(size=4 * classes)
    check_both(
        "LinearClassifier", [X], 2, device, coefficients=w, intercepts=w[:classes], classlabels_ints=range(5, 5 + classes),
        post_transform=transform, multi_class=1,
    )  # fmt: skip


@pytest.mark.parametrize("kernel", ["LINEAR", "POLY", "RBF", "SIGMOID"])
def test_svm_regressor(kernel, device):
    rng = np.random.default_rng(9)
    check_both(
        "SVMRegressor", [X], 1, device, coefficients=rng.normal(size=5), support_vectors=rng.normal(size=20), n_supports=5,
        rho=[0.25], kernel_type=kernel, kernel_params=[0.5, 0.1, 2.0],
    )  # fmt: skip


def stumps(classes, weights, one=None):
    """Three trees of two leaves each."""
    given = dict(
        nodes_treeids=np.repeat(range(3), 3), nodes_nodeids=[0, 1, 2] * 3, nodes_featureids=[0, 0, 0, 1, 0, 0, 2, 0, 0],
        nodes_values=[0.1, 0, 0, -0.3, 0, 0, 0.5, 0, 0], nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"] * 3,
        nodes_truenodeids=[1, 0, 0] * 3, nodes_falsenodeids=[2, 0, 0] * 3,
    )  # fmt: skip
    of = [one] if one is not None else list(range(classes))
    count = 6 * len(of)
    return given | dict(
        class_treeids=np.repeat(range(3), 2 * len(of)), class_nodeids=np.tile(np.repeat([1, 2], len(of)), 3),
        class_ids=np.tile(of, 6), class_weights=weights[:count], classlabels_int64s=range(3, 3 + classes),
    )  # fmt: skip


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX"])
def test_classifier_of_trees(transform, device):
    weights = np.random.default_rng(4).uniform(0, 1, 18)
    check_both("TreeEnsembleClassifier", [X], 2, device, post_transform=transform, **stumps(3, weights))


@pytest.mark.parametrize("one", [0, 1])
@pytest.mark.parametrize("transform, shift", [("NONE", 0.0), ("NONE", -0.2), ("LOGISTIC", -0.2)])
def test_classifier_of_two_classes_told_by_one(transform, shift, one, device):
    weights = np.random.default_rng(4).uniform(0, 1 / 3, 6) + shift
    check_both("TreeEnsembleClassifier", [X], 2, device, post_transform=transform, **stumps(2, weights, one))


def test_encoders(device):
    numbers = np.array([[1, 5], [2, 7]])
    check_both("LabelEncoder", [numbers], 1, device, version=2, keys_int64s=[1, 2, 5], values_floats=[0.5, 1.5, 2.5], default_float=-7.0)
    floats = np.array([1.5, np.nan, 3], np.float32)
    check_both("LabelEncoder", [floats], 1, device, version=4, keys_floats=[1.5, np.nan], values_int64s=[4, 9])
    check_both("OneHotEncoder", [numbers], 1, device, cats_int64s=[5, 1, 2])


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("likely", [False, True])
def test_classifier_of_support_vectors(transform, classes, likely, device):
    rng = np.random.default_rng(6)
    counts = [2, 3, 1][:classes]
    vectors, pairs = sum(counts), classes * (classes - 1) // 2
    chances = dict(prob_a=list(rng.uniform(-2, -1, pairs)), prob_b=list(rng.uniform(-0.2, 0.2, pairs))) if likely else {}
    attributes = dict(
        classlabels_ints=[7, 3, 5][:classes], kernel_type="RBF", kernel_params=[0.3, 0.0, 3.0],
        support_vectors=list(rng.normal(size=vectors * 4)), vectors_per_class=counts,
        coefficients=list(rng.normal(size=(classes - 1) * vectors)), rho=list(rng.normal(size=pairs) / 4), **chances,
    )  # fmt: skip
    if (transform, classes, likely) != ("SOFTMAX", 2, False):
        return check_both("SVMClassifier", [X], 2, device, post_transform=transform, **attributes)
    # ONNX Runtime leaves the softmax out here; ONNX's reference has it.
    (_, got), _ = both("SVMClassifier", [X], 2, device, post_transform="SOFTMAX", **attributes)
    (_, plain), _ = both("SVMClassifier", [X], 2, device, post_transform="NONE", **attributes)
    np.testing.assert_allclose(got, np.exp(plain) / np.exp(plain).sum(1, keepdims=True), rtol=1e-5)


def test_maps_of_scores(device):
    scores = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert run("ZipMap", [scores], device, classlabels_strings=["a", "b", "ü"]) == [
        {"a": 0.0, "b": 1.0, "ü": 2.0}, {"a": 3.0, "b": 4.0, "ü": 5.0}]  # fmt: skip
    assert run("ZipMap", [scores[:1]], device, classlabels_int64s=[4, 2, 9]) == [{4: 0.0, 2: 1.0, 9: 2.0}]
