"""Bad input: one typed error that says the thing, the fact and the way out. `golden_messages.txt` holds them all."""

from __future__ import annotations

import json
import pathlib
import pickle
import re

import pytest
import torch
from models import Gpt2, Mlp, Recurrent, seeded
from torch import nn

import tenon
import tenon.torch
from tenon.torch import refit_module_weights

GOLDEN = pathlib.Path(__file__).with_name("golden_messages.txt")
X = torch.randn(2, 4)


def mlp(**options):
    return tenon.torch.compile(seeded(Mlp), (X,), tactics="first", **options)


class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.eye(4).to_sparse())

    def forward(self, x):
        return torch.sparse.mm(self.w, x.T)


def projected():
    return seeded(lambda: Recurrent(nn.LSTM, num_layers=1, bidirectional=False, proj_size=4))


def half_trained():
    module = seeded(Mlp)
    module.fc2.train()
    return module


class Code:
    """Runs code where a pickle is read without care."""

    def __reduce__(self):
        return print, ("run",)


def file(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


BOUNDED = {"dynamic_shapes": ({0: torch.export.Dim("batch", min=1, max=4)},)}
WEIGHT = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}

COMPILE = {
    "train mode": lambda: tenon.torch.compile(nn.Linear(4, 3), (X,)),
    "train mode inside": lambda: tenon.torch.compile(half_trained(), (X,)),
    "no inputs": lambda: tenon.torch.compile(seeded(Mlp)),
    "not a module": lambda: tenon.torch.compile("model.pt", (X,)),
    "sparse": lambda: tenon.torch.compile(Sparse().eval(), (X,)),
    "meta": lambda: tenon.torch.compile(seeded(Mlp).to("meta"), (X,)),
    "refit pattern": lambda: tenon.torch.compile(seeded(Mlp), (X,), refit=["fc3.*"]),
    "fallback": lambda: tenon.torch.compile(seeded(Mlp), (X,), fallback="eager"),
    "lost": lambda: tenon.torch.compile(projected(), (torch.randn(2, 5, 6),), fallback="error"),
    "shapes of a program": lambda: tenon.torch.compile(
        torch.export.export(seeded(Mlp), (X,)), (X,), **BOUNDED
    ),
}

CALLS = {
    "rank": lambda: mlp()(X[0]),
    "extent": lambda: mlp()(torch.randn(3, 4)),
    "bounds": lambda: mlp(**BOUNDED)(torch.randn(5, 4)),
    "dtype": lambda: mlp()(X.double()),
    "device": lambda: mlp()(X.to("meta")),
    "no tensor": lambda: mlp()([1.0]),
    "structure": lambda: mlp()(X, X),
    "grad": lambda: mlp()(X.clone().requires_grad_()),
    "train": lambda: mlp().train(),
}

REFITS = {
    "unknown": lambda: mlp().refit({"fc1.weigth": torch.ones(8, 4)}),
    "prefix": lambda: mlp().refit({f"net.{n}": t for n, t in seeded(Mlp).state_dict().items()}),
    "shape": lambda: mlp().refit({"fc1.weight": torch.ones(4, 8)}),
    "integers": lambda: mlp().refit({"fc1.bias": torch.ones(8, dtype=torch.int32)}),
    "sparse source": lambda: mlp().refit({"fc1.weight": torch.ones(8, 4).to_sparse()}),
    "not named": lambda: mlp().refit({1: X}),
    "nested": lambda: mlp().refit({"state_dict": seeded(Mlp).state_dict()}),
    "no source": lambda: mlp().refit(3),
    "frozen": lambda: mlp(refit="fc2.*").refit({"fc1.bias": torch.ones(8)}),
    "incomplete": lambda: mlp().load_state_dict({"fc1.bias": torch.ones(8)}),
    "other program": lambda: mlp().refit(torch.export.export(seeded(lambda: Mlp(4, 8, 2)), (X,))),
    "peft": lambda: mlp().refit({"base_model.model.fc1.base_layer.weight": torch.ones(8, 4)}),
    "sixth": lambda: refit_module_weights(mlp(), seeded(Mlp), (X,), None, True, True),
    "not compiled": lambda: refit_module_weights(seeded(Mlp), seeded(Mlp)),
    "verify without inputs": lambda: refit_module_weights(mlp(), seeded(Mlp), verify_output=True),
    "verify without module": lambda: refit_module_weights(
        mlp(), {"fc1.bias": torch.ones(8)}, (X,), verify_output=True
    ),
    "verify in train mode": lambda: refit_module_weights(mlp(), Mlp(), (X,), verify_output=True),
    "pickled": lambda: pickle.dumps(mlp()),
}

FILES = {
    "absent": lambda d: d / "w.safetensors",
    "kind": lambda d: file(d, "w.h5", b"?"),
    "short": lambda d: file(d, "w.safetensors", b"abc"),
    "header too long": lambda d: file(d, "w.safetensors", (1 << 40).to_bytes(8, "little") + b"{}"),
    "no json": lambda d: file(d, "w.safetensors", safetensors(b"{]")),
    "offsets": lambda d: file(
        d, "w.safetensors", safetensors({"a": {**WEIGHT, "data_offsets": [0, 80]}}, bytes(8))
    ),
    "size": lambda d: file(d, "w.safetensors", safetensors({"a": {**WEIGHT, "shape": [3]}}, bytes(8))),
    "dtype": lambda d: file(d, "w.safetensors", safetensors({"a": {**WEIGHT, "dtype": "F4"}}, bytes(8))),
    "code": lambda d: file(d, "w.pt", pickle.dumps({"a": Code()})),
    "no zip": lambda d: file(d, "w.npz", b"PK"),
    "empty folder": lambda d: d,
    "outside": lambda d: file(d, "m.safetensors.index.json", b'{"weight_map": {"a": "../b.safetensors"}}'),
    "no index": lambda d: file(d, "m.safetensors.index.json", b"[]"),
    "truncated program": lambda d: file(d, "m.ep", b"PK\3\4"),
}

CASES = {
    f"{k} / {n}": f
    for k, fs in (("compile", COMPILE), ("call", CALLS), ("refit", REFITS))
    for n, f in fs.items()
}


def text_of(error, folder=None):
    """Class and message, without what differs between machines."""
    message = str(error) if folder is None else str(error).replace(str(folder), "DIR")
    message = re.sub(r"/\S+/(?=\w+\.py)", "", message)
    message = re.sub(r"line \d+", "line N", message)
    return f"{type(error).__name__}: {message}"


@pytest.fixture(scope="module")
def golden():
    lines = [line for line in GOLDEN.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split(" | ", 1) for line in lines)


@pytest.mark.parametrize("name", CASES)
def test_message(golden, name):
    with pytest.raises((tenon.Error, TypeError)) as raised:
        CASES[name]()
    assert text_of(raised.value) == golden[name]


@pytest.mark.parametrize("name", FILES)
def test_message_of_files(golden, name, tmp_path, capsys):
    module = mlp()
    before = module(X)
    with pytest.raises(tenon.Error) as raised:
        module.refit(FILES[name](tmp_path))
    assert text_of(raised.value, tmp_path) == golden[f"file / {name}"]
    assert torch.equal(module(X), before) and module.version == 1
    assert capsys.readouterr().out == ""


def test_two_values_of_a_tied_weight(golden):
    module = tenon.torch.compile(seeded(Gpt2), (torch.arange(14).reshape(2, 7),), tactics="first")
    weights = dict(seeded(Gpt2, 1).state_dict())
    weights["wte.weight"] = weights["wte.weight"] + 1
    with pytest.raises(tenon.RefitError) as raised:
        module.refit(weights)
    assert text_of(raised.value) == golden["refit / tied"]


def test_another_models_state_dict_lists_every_name():
    with pytest.raises(tenon.RefitError) as raised:
        mlp().refit(seeded(Gpt2).state_dict())
    assert len(raised.value.problems) == len(seeded(Gpt2).state_dict())
