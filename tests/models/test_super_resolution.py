"""A CNN that enlarges photographs, untrained and trained, against ONNX Runtime; and the laws of refitting over it."""

import pathlib

import laws
import numpy as np
import pytest
from filled import replaced
from safetensors.numpy import load_file

import tenon

DATA = pathlib.Path(__file__).parent.parent / "data" / "super_resolution"
MODEL, TRAINED = DATA / "super_resolution.onnx", DATA / "super_resolution_a.safetensors"


def photos(batch):
    """Cuts of the photograph, [batch, 1, 224, 224], 0 to 1."""
    photo = np.load(DATA / "photo.npy").astype(np.float32) / 255
    return np.stack([photo[None, 224 * i : 224 * (i + 1), :224] for i in range(batch)])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("super_resolution") / "trained.onnx"
    path.write_bytes(replaced(MODEL, load_file(TRAINED)))
    return path


def test_super_resolution_is_onnxruntimes_before_and_after_a_refit(device, by_onnxruntime, trained):
    engine = tenon.build(MODEL, device=device, tactics="first")
    for model in (MODEL, trained):
        for batch in (1, 3):
            want = by_onnxruntime(model, photos(batch))
            assert np.linalg.norm(engine(photos(batch)) - want) / np.linalg.norm(want) < 1e-5
        engine.refit(TRAINED, complete=True)


def test_the_laws_hold_for_super_resolution(device, trained, tmp_path):
    laws.hold(MODEL, trained, {"input": photos(1)}, device, tmp_path)
