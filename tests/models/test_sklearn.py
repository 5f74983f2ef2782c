"""Pipelines of scikit-learn as skl2onnx exports them, compared with scikit-learn itself."""

import numpy as np
import pytest

import tenon

sklearn = pytest.importorskip("sklearn")
skl2onnx = pytest.importorskip("skl2onnx")

from skl2onnx.common.data_types import FloatTensorType, StringTensorType  # noqa: E402
from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402
from sklearn.svm import SVC  # noqa: E402

ROWS = 120


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def check(model, inputs, given, expected, device):
    """Labels are equal, and each row's map has scikit-learn's probabilities."""
    exported = skl2onnx.to_onnx(model, initial_types=inputs, target_opset=18)
    engine = tenon.build(exported, device=device, tactics="first")
    labels, maps = engine.run(given).values()
    np.testing.assert_array_equal(labels, model.predict(expected))
    chances = model.predict_proba(expected)
    assert len(maps) == len(chances)
    for row, wanted in zip(maps, chances):
        assert list(row) == list(model.classes_)
        np.testing.assert_allclose(list(row.values()), wanted, atol=2e-5)


def test_texts_to_a_logistic_regression_with_names(rng, device):
    colors = rng.choice(["red", "green", "blue", "ultramarine"], (ROWS, 1)).astype(object)
    sizes = rng.choice(["small", "large", "größer"], (ROWS, 1)).astype(object)
    x = np.hstack([colors, sizes])
    names = np.where(colors[:, 0] == "red", "a", np.where(sizes[:, 0] == "small", "b", "c"))
    names[::9] = "a"
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), StandardScaler(with_mean=False),
                          LogisticRegression(max_iter=500)).fit(x, names)
    x[0, 0] = "never seen"
    check(model, [("x", StringTensorType([None, 2]))], {"x": x}, x, device)


@pytest.mark.parametrize("kernel, classes", [("rbf", 2), ("rbf", 4), ("poly", 3), ("linear", 3)])
def test_a_support_vector_machine_with_probabilities(rng, kernel, classes, device):
    x = rng.normal(size=(ROWS, 3)).astype(np.float32)
    y = np.digitize(x[:, 0] + 0.3 * x[:, 1], np.linspace(-1, 1, classes - 1))
    model = make_pipeline(SimpleImputer(), SVC(kernel=kernel, probability=True, random_state=0)).fit(x, y)
    holes = x.copy()
    holes[::7, 2] = np.nan
    expected = model.predict_proba(holes)
    exported = skl2onnx.to_onnx(model, initial_types=[("x", FloatTensorType([None, 3]))],
                                options={"zipmap": False}, target_opset=18)
    labels, chances = tenon.build(exported, device=device, tactics="first").run({"x": holes}).values()
    np.testing.assert_array_equal(labels, model.predict(holes))
    np.testing.assert_allclose(chances, expected, atol=2e-4)


def test_a_forest_with_names(rng, device):
    x = rng.normal(size=(ROWS, 4)).astype(np.float32)
    names = np.array(["no", "maybe", "yes"])[np.digitize(x[:, 0] * x[:, 1], [-0.3, 0.3])]
    model = RandomForestClassifier(20, random_state=0).fit(x, names)
    check(model, [("x", FloatTensorType([None, 4]))], {"x": x}, x, device)
