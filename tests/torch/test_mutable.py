"""MutableModule and Bank: weights that follow a module, and weights that are chosen by name."""

from __future__ import annotations

import threading

import pytest
import torch
from models import Bert, Mlp, seeded
from torch import nn

import tenon
import tenon.torch
from tenon.torch import Bank, MutableModule, _mutable

X = torch.randn(2, 4)


def changes(module):
    """Ways in which a module's weights change, from what everybody sees to what torch itself does not count."""
    return {
        "load_state_dict": lambda: module.load_state_dict(seeded(Mlp, 1).state_dict()),
        "new parameter": lambda: setattr(module.fc1, "weight", nn.Parameter(torch.randn(8, 4))),
        "new data": lambda: setattr(module.fc1.weight, "data", torch.randn(8, 4)),
        "in place": lambda: module.fc1.weight.mul_(2),
        "through data": lambda: module.fc1.weight.data.add_(1),
    }


@pytest.mark.parametrize("watch", ["version", "sample", "digest"])
@pytest.mark.parametrize("change", list(changes(seeded(Mlp))))
def test_follows_the_module(close, watch, change):
    module = seeded(Mlp)
    fast = MutableModule(module, watch=watch, tactics="first")
    with torch.no_grad():
        assert close(fast(X), module(X))
        before = fast.compile(X)
        changes(module)[change]()
        missed = watch == "version" and change == "through data"
        assert close(fast(X), module(X)) != missed
    assert fast.compile(X) is before


def test_one_element_through_data_is_seen_by_the_digest(close):
    module = nn.Linear(400, 300).eval()
    x, fast = torch.randn(2, 400), MutableModule(module, watch="digest", tactics="first")
    with torch.no_grad():
        fast(x)
        module.weight.data[101, 7] += 5
        assert close(fast(x), module(x))


def test_nothing_is_refitted_while_nothing_changes(monkeypatch):
    fast = MutableModule(seeded(Mlp), tactics="first")
    fast(X)
    monkeypatch.setattr(fast, "refit", lambda: pytest.fail("a refit, though nothing changed"))
    fast(X)


def test_new_shapes_and_submodules_compile_again(close):
    module = seeded(Mlp)
    fast = MutableModule(module, tactics="first")
    with torch.no_grad():
        for x in (X, torch.randn(5, 4), X):
            assert close(fast(x), module(x))
        module.fc2 = nn.Linear(8, 5).eval()
        assert close(fast(X), module(X))


def test_looks_like_the_module(same):
    module = seeded(Mlp)
    fast = MutableModule(module)
    assert fast.fc1 is module.fc1
    assert same(dict(fast.state_dict()), dict(module.state_dict()))
    fast.load_state_dict(seeded(Mlp, 1).state_dict())
    assert same(dict(module.state_dict()), dict(seeded(Mlp, 1).state_dict()))


def test_a_failed_refit_comes_again_until_it_is_mended(close):
    module = seeded(Mlp)
    fast = MutableModule(module, tactics="first")
    with torch.no_grad():
        fast(X)
        good = module.fc1.weight
        module.fc1.weight = nn.Parameter(torch.eye(8, 4).to_sparse(), requires_grad=False)
        for _ in range(2):
            with pytest.raises(tenon.Error, match="sparse"):
                fast(X)
        module.fc1.weight = good
        assert close(fast(X), module(X))


def test_saves_what_it_compiled(same, tmp_path):
    fast = MutableModule(seeded(Mlp), tactics="first")
    y = fast(X)
    fast.save(tmp_path / "m.ep")
    assert same(tenon.torch.load(tmp_path / "m.ep").module()(X), y)


# Banks. ------------------------------------------------------------------------------------------


@pytest.fixture
def bank():
    return Bank(tenon.torch.compile(seeded(Mlp), (X,), tactics="first"))


def test_entries_answer_as_their_modules(bank, close):
    compiled = bank._module
    for seed in (1, 2, 3):
        bank[f"m{seed}"] = seeded(Mlp, seed).state_dict()
    with torch.no_grad():
        for seed in (3, 1, 2):
            with bank.use(f"m{seed}"):
                assert close(compiled(X), seeded(Mlp, seed)(X))
        assert close(compiled(X), seeded(Mlp)(X))


def test_entries_are_relative_to_the_base_and_not_to_each_other(bank, close):
    bank["one"] = {"fc1.bias": torch.ones(8)}
    bank["two"] = {"fc2.bias": torch.ones(3)}
    expected = seeded(Mlp)
    with torch.no_grad():
        expected.fc2.bias.fill_(1)
        assert close(bank.run("two", X)[0], expected(X))


def test_run_tells_its_version_and_an_entry_is_replaced(bank):
    bank["a"] = {"fc1.bias": torch.ones(8)}
    _, first = bank.run("a", X)
    bank["a"] = {"fc1.bias": torch.zeros(8)}
    _, second = bank.run("a", X)
    assert bank.versions() == {"a": second} and second > first


def test_above_max_bytes_entries_are_made_again_from_their_sources(close):
    compiled = tenon.torch.compile(seeded(Mlp), (X,), tactics="first")
    bank = Bank(compiled, max_bytes=1)
    for seed in (1, 2):
        bank[f"m{seed}"] = seeded(Mlp, seed)
    assert list(bank.versions()) == ["m2"] and list(bank) == ["m1", "m2"]
    with torch.no_grad():
        assert close(bank.run("m1", X)[0], seeded(Mlp, 1)(X))
    assert list(bank.versions()) == ["m1"]


def test_an_unknown_entry_is_named(bank):
    bank["acme"] = {"fc1.bias": torch.ones(8)}
    with pytest.raises(tenon.InputError, match='the bank has no "acne"; it has acme'):
        bank.run("acne", X)


def test_threads_use_different_entries_at_once(bank, close):
    compiled, wrong = bank._module, []
    expected = {}
    for seed in range(4):
        bank[str(seed)] = seeded(Mlp, seed)
        with torch.no_grad():
            expected[str(seed)] = seeded(Mlp, seed)(X)

    def caller(name):
        for _ in range(200):
            with bank.use(name):
                if not close(compiled(X), expected[name]):
                    wrong.append(name)

    threads = [threading.Thread(target=caller, args=(name,)) for name in expected]
    for thread in threads:
        thread.start()
    for seed in range(100):
        compiled.refit(seeded(Mlp, 9) if seed % 2 else seeded(Mlp))
    for thread in threads:
        thread.join()
    assert not wrong


def test_bert_follows_as_a_whole(close):
    module, ids = seeded(Bert), torch.arange(14).reshape(2, 7)
    fast = MutableModule(module, tactics="first")
    with torch.no_grad():
        assert close(fast(ids), module(ids))
        module.load_state_dict(seeded(Bert, 1).state_dict())
        assert close(fast(ids), module(ids))


def test_loads_what_it_saved_without_a_compile(close, tmp_path, monkeypatch):
    fast = MutableModule(seeded(Mlp), tactics="first")
    fast(X)
    fast.save(tmp_path / "m.ep")
    other = seeded(Mlp, 1)
    again = MutableModule.load(tmp_path / "m.ep", other, tactics="first")
    monkeypatch.setattr(_mutable, "compile", lambda *_, **__: pytest.fail("a compile, though the file has it"))
    with torch.no_grad():
        assert close(again(X), other(X))
        other.fc1.bias.add_(1)
        assert close(again(X), other(X))


def test_loads_a_module_of_dynamic_shapes(close, tmp_path):
    batch = torch.export.Dim("batch", min=1, max=9)
    fast = MutableModule(seeded(Bert), dynamic_shapes={"ids": {0: batch}, "mask": {0: batch}}, tactics="first")
    ids, mask = torch.arange(14).reshape(2, 7), torch.ones(2, 7, dtype=torch.int64)
    fast(ids, mask=mask)
    fast.save(tmp_path / "m.ep")
    other = seeded(Bert, 1)
    again = MutableModule.load(tmp_path / "m.ep", other)
    with torch.no_grad():
        for rows in (1, 4):
            ids, mask = torch.arange(7 * rows).reshape(rows, 7), torch.ones(rows, 7, dtype=torch.int64)
            assert close(again(ids, mask=mask), other(ids, mask=mask))
    assert len(again._compiled) == 1


def test_a_module_of_another_architecture_does_not_load(tmp_path):
    fast = MutableModule(seeded(Mlp), tactics="first")
    fast(X)
    fast.save(tmp_path / "m.ep")

    class Other(Mlp):
        def forward(self, x):
            return self.fc2(torch.tanh(self.fc1(x)))

    with pytest.raises(tenon.RefitError, match="another architecture.*tanh"):
        MutableModule.load(tmp_path / "m.ep", seeded(Other))


@pytest.mark.parametrize("watch", ["sample", "digest"])
def test_bytes_are_watched_whatever_the_layout(close, watch):
    class Layouts(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 3).to(memory_format=torch.channels_last)
            self.wide = nn.Parameter(torch.ones(3, 1, 1, dtype=torch.float64)[:, :, ::1].expand(3, 2, 2))
            self.register_buffer("on", torch.tensor([True, False, True]))
            self.register_buffer("none", torch.empty(0))

        def forward(self, x):
            return self.conv(x) * self.wide.float() * self.on[:, None, None]

    module, x = seeded(Layouts), torch.randn(1, 2, 4, 4)
    fast = MutableModule(module, watch=watch, tactics="first")
    with torch.no_grad():
        assert close(fast(x), module(x))
        for change in (
            lambda: module.conv.weight.data.mul_(2),
            lambda: module.wide.data[:, :1, :1].mul_(3),
            lambda: module.on.data.logical_not_(),
        ):
            change()
            assert close(fast(x), module(x))
