"""Questions about a text, as strings, to an unmodified BiDAF model, before and after refits.

    ./run python examples/bidaf_refit.py [FOLDER]     FOLDER (tests/data/bidaf) has bidaf.onnx, its
    questions, and the same weights as PyTorch names them
"""

import json
import pathlib
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]

import tenon

Array = NDArray[Any]

ROOT = pathlib.Path(__file__).parent.parent
CHARACTERS = 16
TEXT = "A quick brown fox jumps over the lazy dog."
QUESTION = "What color is the fox?"


def tokens(sentence: str) -> list[str]:
    return re.findall(r"'s\b|\w+|[^\w\s]", sentence)


def strings_of(found: list[str]) -> tuple[Array, Array]:
    """Words [n, 1], and their characters [n, 1, 1, 16]."""
    letters = [[[[*token[:CHARACTERS], *[""] * (CHARACTERS - len(token))]]] for token in found]
    return np.array([[token.lower()] for token in found], object), np.array(letters, object)


def answer(engine: tenon.Engine, text: str, question: str) -> tuple[int, int]:
    """The first and last token of the answer."""
    words, characters = strings_of(tokens(text))
    asked, asked_characters = strings_of(tokens(question))
    made = engine.run({"context_word": words, "context_char": characters,
                       "query_word": asked, "query_char": asked_characters})
    return int(made["start_pos"][0]), int(made["end_pos"][0])


def show(engine: tenon.Engine, what: str) -> None:
    first, last = answer(engine, TEXT, QUESTION)
    found = tokens(TEXT)
    marked = " ".join(f"[{token}]" if first <= i <= last else token for i, token in enumerate(found))
    print(f"  {what:<34} {marked}")


def right(engine: tenon.Engine, questions: list[dict[str, Any]]) -> int:
    return sum(answer(engine, each["context"], each["question"]) == (each["start"], each["end"])
               for each in questions)


def timed(refit: Any) -> float:
    start = time.perf_counter()
    refit()
    return 1e3 * (time.perf_counter() - start)


def recurrent(state: Mapping[str, Array]) -> dict[str, Array]:
    """ONNX's LSTM has both directions in one tensor, and its gates in another order than torch's."""

    def gates(x: Array) -> Array:
        i, f, c, o = np.split(x, 4)
        return np.concatenate([i, o, f, c])

    weights: dict[str, Array] = {}
    for old in ("contextual", "modelling.0", "modelling.1", "output_lstm"):
        new = old.replace(".", "")
        w, r, b, c = ([gates(state[f"{old}.{part}_l0{end}"]) for end in ("", "_reverse")]
                      for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        weights[f"{new}_W"], weights[f"{new}_R"] = np.stack(w), np.stack(r)
        bias = "Parameter576_B_0" if old == "contextual" else f"{new}_B"
        weights[bias] = np.stack([np.concatenate(each) for each in zip(b, c)])
    return weights


def main(folder: pathlib.Path) -> None:
    model = folder / "bidaf.onnx"
    lines = (folder / "questions.jsonl").read_text().splitlines()
    questions = [json.loads(line) for line in lines]
    engine = tenon.build(model)
    trained = {name: engine.weights[name].numpy().copy() for name in ("Parameter576_B_0", "W_0")}
    print(f'"{TEXT}" "{QUESTION}"')

    engine.refit({name: np.ones_like(value) for name, value in trained.items()})
    show(engine, "ones in Parameter576_B_0 and W_0:")
    print(f"  {right(engine, questions)} of {len(questions)} questions right")
    first, steady = timed(lambda: engine.refit(trained)), timed(lambda: engine.refit(trained))
    show(engine, f"refit in {first:.2f}, then {steady:.2f} ms:")
    print(f"  {right(engine, questions)} of {len(questions)} questions right")

    with tempfile.TemporaryDirectory() as place:
        engine.save(f"{place}/bidaf.tenon")
        loaded = tenon.load(f"{place}/bidaf.tenon")
    loaded.refit({name: np.ones_like(value) for name, value in trained.items()})
    loaded.refit(trained)
    show(loaded, "saved, loaded, refitted twice:")

    state = load_file(folder / "bidaf_torch.safetensors")
    names = ROOT / "examples" / "bidaf_map.json"
    straight = {name: state[name] for name in json.loads(names.read_text())}
    engine.refit({name: np.zeros_like(each.numpy()) for name, each in engine.weights.items()})
    refitter = engine.refitter()
    for name, array in recurrent(state).items():
        refitter.set(name, array)
    # The kernel of a convolution over characters has an axis of extent 1 more.
    refitter.set("char_conv_W", state["char_conv.weight"].transpose(0, 2, 1)[:, None].copy())
    refitter.commit()
    engine.refit(straight, rename=names)
    show(engine, "refitted from PyTorch's weights:")
    print(f"  {right(engine, questions)} of {len(questions)} questions right")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests" / "data" / "bidaf")
