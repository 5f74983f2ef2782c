"""Trained models as they are: strings, and branches over extents. Equal to ONNX Runtime, before and after refits."""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

import tenon

DATA = pathlib.Path(__file__).parent.parent / "data"
BIDAF, SILERO = DATA / "bidaf" / "bidaf.onnx", DATA / "silero_vad" / "silero_vad.onnx"
sys.path.insert(0, str(DATA.parent.parent / "examples"))

import bidaf_refit  # noqa: E402
import speech  # noqa: E402


def session(model):
    return onnxruntime.InferenceSession(model if isinstance(model, bytes) else str(model), providers=["CPUExecutionProvider"])


def each_tensor(graph):
    """Trained tensors by the names that Tenon gives them: initializers, and large constants in bodies too."""
    yield from ((tensor.name, tensor) for tensor in graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from each_tensor(attribute.g)
        if node.op_type == "Constant":
            yield from ((node.output[0], each.t) for each in node.attribute if each.name == "value")


def changed(path, engine):
    """The model with other weights, and these by name."""
    rng = np.random.default_rng(2)
    model, weights = onnx.load(path), {}
    for name, tensor in each_tensor(model.graph):
        if name not in engine.weights:
            continue
        value = numpy_helper.to_array(tensor)
        weights[name] = (value + 0.05 * value.std() * rng.normal(size=value.shape)).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(weights[name], tensor.name))
    return model.SerializeToString(), weights


@pytest.fixture(scope="module")
def questions():
    lines = (DATA / "bidaf" / "questions.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def feeds(question):
    words, letters = bidaf_refit.strings_of(bidaf_refit.tokens(question["context"]))
    asked, asked_letters = bidaf_refit.strings_of(bidaf_refit.tokens(question["question"]))
    return {"context_word": words, "context_char": letters, "query_word": asked, "query_char": asked_letters}


def test_bidaf_answers_all_questions_and_after_a_refit_as_onnxruntime_does(questions, device, tmp_path):
    engine = tenon.build(BIDAF, device=device, tactics="first")
    assert bidaf_refit.right(engine, questions) == 200
    model, weights = changed(BIDAF, engine)
    assert set(weights) == set(engine.weights) and len(weights) == 29
    engine.refit(weights, complete=True)
    oracle = session(model)
    engine.save(tmp_path / "bidaf.tenon")
    loaded = tenon.load(tmp_path / "bidaf.tenon", device=device)
    for question in questions[:40]:
        given = feeds(question)
        want = oracle.run(None, given)
        for each in (engine, loaded):
            np.testing.assert_array_equal(list(each.run(given).values()), want)


@pytest.mark.parametrize("rate", [16000, 8000])
def test_silero_hears_what_onnxruntime_hears(rate, device):
    engine = tenon.build(SILERO, device=device, tactics="first")
    samples = speech.read(DATA / "silero_vad" / "speech.wav", rate)[: 3 * rate]

    class Oracle:
        def __init__(self, model):
            self.session = session(model)

        def run(self, given):
            return dict(zip(("output", "stateN"), self.session.run(None, given)))

    model, weights = changed(SILERO, engine)
    assert set(weights) == set(engine.weights) and len(weights) == 18
    for source in (SILERO, model):
        got, want = (speech.chances(each, samples, rate) for each in (engine, Oracle(source)))
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
        engine.refit(weights)
    with pytest.raises(tenon.InputError, match="is not equal to"):
        engine.run({"input": np.zeros((1, 2000), np.float32), "state": np.zeros((2, 1, 128), np.float32), "sr": np.array(rate)})
