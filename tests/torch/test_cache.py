"""The cache: a known architecture is loaded and refitted, and nothing stale is ever answered."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from models import ZOO, Mlp, seeded
from torch import nn

import tenon
import tenon.torch
from tenon.torch import _cache

X = torch.randn(2, 4)


class Own:
    """A cache as users write them; `hits` and `blobs` tell what happened."""

    def __init__(self):
        self.blobs, self.hits = {}, 0

    def save(self, hash, blob):
        self.blobs[hash] = blob

    def load(self, hash):
        self.hits += hash in self.blobs
        return self.blobs.get(hash)


def compiled(module, args, cache, **options):
    return tenon.torch.compile(module, args, tactics="first", cache=cache, **options)


@pytest.fixture
def no_exporter(monkeypatch):
    """After no_exporter(), whatever needs ONNX fails."""

    def forbid():
        def none(*_, **__):
            raise AssertionError("the exporter was called")

        monkeypatch.setattr(torch.onnx, "export", none)

    return forbid


@pytest.mark.parametrize("name", sorted(ZOO))
def test_a_hit_has_the_bits_of_a_fresh_compile(name, same, no_exporter):
    (make, args), cache = ZOO[name], Own()
    fresh = compiled(seeded(make, 1), args, False)
    compiled(seeded(make), args, cache)
    no_exporter()
    found = compiled(seeded(make, 1), args, cache)
    assert cache.hits == 1
    assert same(found(*args), fresh(*args))
    assert same(dict(found.state_dict()), dict(fresh.state_dict()))
    found.refit(seeded(make))
    assert not same(found(*args), fresh(*args))


def variants():
    """Networks with equal operators and weights, whose answers differ."""
    conv = lambda **options: nn.Conv2d(2, 2, 2, **options)  # noqa: E731
    yield conv(), torch.randn(1, 2, 6, 6)
    yield conv(stride=2), torch.randn(1, 2, 6, 6)
    yield conv(padding=1), torch.randn(1, 2, 6, 6)
    yield conv(dilation=2), torch.randn(1, 2, 6, 6)
    yield nn.Sequential(nn.Softmax(1), nn.Flatten()), torch.randn(3, 3)
    yield nn.Sequential(nn.Softmax(0), nn.Flatten()), torch.randn(3, 3)
    yield nn.LeakyReLU(0.1), torch.randn(3, 3)
    yield nn.LeakyReLU(0.2), torch.randn(3, 3)


class Wired(nn.Module):
    def __init__(self, turned):
        super().__init__()
        self.a, self.b, self.turned = nn.Linear(4, 4), nn.Linear(4, 4), turned

    def forward(self, x):
        first, second = (self.b, self.a) if self.turned else (self.a, self.b)
        return second(torch.relu(first(x)))


def test_networks_that_differ_in_arguments_or_wiring_never_collide(close):
    cache = Own()
    cases = [*variants(), (Wired(False), X), (Wired(True), X)]
    for module, x in cases:
        module.eval()
        with torch.no_grad():
            assert close(compiled(module, (x,), cache)(x), module(x))
    assert cache.hits == 0 and len(cache.blobs) == len(cases)


def test_frozen_values_ties_options_and_ranges_are_of_the_key():
    cache = Own()
    batch = torch.export.Dim("batch", max=8)
    tied = seeded(lambda: Wired(False))
    tied.b.weight = tied.a.weight
    for module, options in (
        (seeded(lambda: Wired(False)), {}),
        (tied, {}),
        (seeded(lambda: Wired(False)), {"refit": "a.*"}),
        (seeded(lambda: Wired(False), 1), {"refit": "a.*"}),
        (seeded(lambda: Wired(False)), {"threads": 1}),
        (seeded(lambda: Wired(False)), {"dynamic_shapes": ({0: batch},)}),
        (seeded(lambda: Wired(False)), {"dynamic_shapes": ({0: torch.export.Dim("batch", max=9)},)}),
    ):
        compiled(module, (X,), cache, **options)
    assert cache.hits == 0


@pytest.mark.parametrize(
    "damage", [lambda b: b[:50], lambda b: b[:-1] + b"?", lambda b: b"", lambda b: b"x" + b]
)
def test_a_damaged_blob_is_a_miss(damage, same):
    cache = Own()
    first = compiled(seeded(Mlp), (X,), cache)
    cache.blobs = {hash: damage(blob) for hash, blob in cache.blobs.items()}
    assert same(compiled(seeded(Mlp), (X,), cache)(X), first(X))


def test_another_process_finds_it_on_disk(tmp_path, monkeypatch):
    code = (
        "import sys, torch, tenon.torch\n"
        "m = torch.nn.Linear(4, 3).eval(); x = torch.randn(2, 4)\n"
        "y = tenon.torch.compile(m, (x,), tactics='first')(x)\n"
        "assert torch.allclose(y, m(x), atol=1e-6)\n"
        "print('onnx_ir' in sys.modules)\n"
    )
    monkeypatch.setenv("TENON_CACHE_DIR", str(tmp_path))
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(2)]
    assert [run.stdout for run in runs] == ["True\n", "False\n"], runs[1].stderr
    (file,) = (tmp_path / "torch").iterdir()
    file.write_bytes(b"damaged")
    third = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert third.stdout == "True\n", third.stderr


def test_stores_are_bounded_and_drop_the_least_used(tmp_path):
    for store in (_cache.Memory(250), _cache.Folder(tmp_path / "f", 250)):
        import os
        import time

        for index, name in enumerate("ab"):
            store.save(name, bytes(100))
            if isinstance(store, _cache.Folder):
                os.utime(tmp_path / "f" / name, (index, index))
        assert store.load("a") is not None
        time.sleep(0.02)
        store.save("c", bytes(100))
        assert store.load("b") is None and store.load("a") and store.load("c")


def test_a_cache_of_ones_own_by_torch_tensorrts_name():
    cache = Own()
    for _ in range(2):
        tenon.torch.compile(seeded(Mlp), (X,), tactics="first", custom_engine_cache=cache)
    assert cache.hits == 1
