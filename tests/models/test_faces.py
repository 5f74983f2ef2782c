"""A trained face detector on its photographs, against ONNX Runtime; and the laws of refitting over it."""

import pathlib

import laws
import numpy as np
import onnx
import onnxruntime
import pytest
from filled import replaced
from onnx import numpy_helper
from PIL import Image

import tenon

FACES = pathlib.Path(__file__).parent.parent / "data" / "faces"
MODEL = FACES / "version-RFB-320.onnx"
PHOTOS = ["3.jpg", "8.jpg", "13.jpg"]


def pixels(name):
    """As its authors prepare it: 320 x 240, RGB, (value - 127) / 128."""
    image = Image.open(FACES / name).convert("RGB").resize((320, 240))
    return ((np.asarray(image, np.float32) - 127) / 128).transpose(2, 0, 1)[None].copy()


def reference(model, x):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of each initializer that is an input too
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return dict(zip(("scores", "boxes"), session.run(["scores", "boxes"], {"input": x}), strict=True))


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """The same network with other weights: trained ones, each changed a little, variances still positive."""
    rng = np.random.default_rng(5)
    trained = {each.name: numpy_helper.to_array(each) for each in onnx.load(MODEL).graph.initializer}
    floats = {name: array for name, array in trained.items() if array.dtype == np.float32}
    changed = {name: array * rng.uniform(0.9, 1.1, array.shape).astype(np.float32) for name, array in floats.items()}
    path = tmp_path_factory.mktemp("faces") / "second.onnx"
    path.write_bytes(replaced(MODEL, changed))
    return path


def check(engine, model, photo):
    x = pixels(photo)
    got = engine.run({"input": x})
    want = reference(model, x)
    for name, array in want.items():
        assert np.linalg.norm(got[name] - array) / np.linalg.norm(array) < 1e-5, name
    return want


def test_the_face_detector_is_onnxruntimes_on_its_photographs(device, second):
    engine = tenon.build(MODEL, device=device, tactics="first")
    for photo in PHOTOS:
        assert (check(engine, MODEL, photo)["scores"][0, :, 1] > 0.9).any(), "a photograph without a face"
    engine.refit(second, complete=True)
    for photo in PHOTOS:
        check(engine, second, photo)


def test_the_laws_hold_for_the_face_detector(device, second, tmp_path):
    laws.hold(MODEL, second, {"input": pixels("8.jpg")}, device, tmp_path)
