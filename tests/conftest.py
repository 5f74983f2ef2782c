"""What the tests share: the device they run on, and the digits."""

import gzip
import importlib.util
import os
import pathlib
import signal
import sys

import numpy as np
import onnxruntime
import pytest

import tenon

# The folder torch beside this file would pass for PyTorch where that is not installed.
# What looks into sys.modules by itself (SciPy) comes first.
if getattr(importlib.util.find_spec("torch"), "origin", None) is None:
    importlib.util.find_spec("scipy") and importlib.import_module("scipy.stats")
    sys.modules["torch"] = None

MNIST = pathlib.Path(__file__).parent / "data" / "mnist"


@pytest.fixture(scope="session", autouse=True)
def sigint():
    """Ctrl-C reaches the tests and what they start, though a shell starts background work with SIGINT ignored."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.fixture(scope="session")
def device():
    """The device that TENON_TEST_DEVICE names: the whole suite runs on every backend."""
    return os.environ.get("TENON_TEST_DEVICE", "cpu")


@pytest.fixture(scope="session")
def mnist():
    """The folder of the digits and their networks."""
    return MNIST


def read_idx(name):
    """An IDX file (gzip) of bytes, as its array."""
    raw = gzip.decompress((MNIST / name).read_bytes())
    rank = raw[3]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(np.frombuffer(raw, ">i4", rank, 4))


@pytest.fixture(scope="session")
def pixels():
    """10,000 digits, u8[10000, 1, 28, 28]."""
    return read_idx("t10k-images-idx3-ubyte.gz")[:, None]


@pytest.fixture(scope="session")
def digits(pixels):
    """The same as LeNet takes them: f32, 0 to 1."""
    return pixels.astype(np.float32) / 255


@pytest.fixture(scope="session")
def labels():
    return read_idx("t10k-labels-idx1-ubyte.gz")


@pytest.fixture
def lenet(mnist, device):
    """LeNet with random weights, built for this test alone."""
    return tenon.build(mnist / "lenet.onnx", device=device, tactics="first")


@pytest.fixture(scope="session")
def by_onnxruntime():
    """Runs a model (path or bytes) on its one input."""

    def run(model, x):
        source = model if isinstance(model, bytes) else str(model)
        session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
        return session.run(None, {session.get_inputs()[0].name: x})[0]

    return run


@pytest.fixture(scope="session")
def lenet_with(mnist):
    """The bytes of lenet.onnx with a checkpoint in place of its weights."""
    import onnx
    from safetensors.numpy import load_file

    def make(checkpoint):
        model = onnx.load(mnist / "lenet.onnx")
        weights = load_file(mnist / checkpoint)
        for initializer in model.graph.initializer:
            initializer.CopyFrom(onnx.numpy_helper.from_array(weights[initializer.name], initializer.name))
        return model.SerializeToString()

    return make
