"""Refits: equal to a fresh compile to the bit, from every kind of source, all or nothing."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
import torch
from models import ZOO, Gpt2, Hostile, Mlp, ResNet18, seeded
from safetensors.torch import save_file
from torch import nn

import tenon
import tenon.torch
from tenon.torch import refit_module_weights

X = torch.randn(2, 4)


def mlp(seed=0, **options):
    return tenon.torch.compile(seeded(Mlp, seed), (X,), tactics="first", **options)


@pytest.mark.parametrize("name", sorted(ZOO))
def test_a_refit_by_module_is_a_fresh_compile_to_the_bit(fresh, same, name):
    make, args = ZOO[name]
    refitted = refit_module_weights(fresh(name), seeded(make, 1))
    assert same(refitted(*args), fresh(name, 1)(*args))
    assert not same(refitted(*args), fresh(name)(*args))
    again = refit_module_weights(refitted, seeded(make, 0))
    assert same(again(*args), fresh(name)(*args))


@pytest.mark.parametrize("name", sorted(ZOO))
def test_a_refit_by_program_is_verified(fresh, same, name):
    make, args = ZOO[name]
    program = torch.export.export(seeded(make, 1), args, strict=False)
    refitted = refit_module_weights(fresh(name), program, args, verify_output=True)
    assert same(refitted(*args), fresh(name, 1)(*args))


@pytest.mark.parametrize("name", ["resnet18", "gpt2", "lstm", "convolutions"])
def test_weights_that_come_one_by_one_are_the_weights_that_come_at_once(fresh, same, name):
    make, args = ZOO[name]
    module = refit_module_weights(fresh(name), seeded(make, 0))
    for key, value in seeded(make, 1).state_dict().items():
        module.refit({key: value})
    assert same(module(*args), fresh(name, 1)(*args))


def write(kind, weights, folder):
    """A file of the kind with the weights."""
    if kind == "safetensors":
        save_file(weights, folder / "w.safetensors")
        return folder / "w.safetensors"
    if kind == "npz":
        np.savez(folder / "w.npz", **{name: value.numpy() for name, value in weights.items()})
        return folder / "w.npz"
    if kind == "pt":
        torch.save(weights, folder / "w.pt")
        return folder / "w.pt"
    if kind == "old bin":
        torch.save(weights, folder / "w.bin", _use_new_zipfile_serialization=False)
        return folder / "w.bin"
    names = sorted(weights)
    shards = {"a.safetensors": names[:2], "b.safetensors": names[2:]}
    for file, part in shards.items():
        save_file({name: weights[name] for name in part}, folder / file)
    index = {"weight_map": {name: file for file, part in shards.items() for name in part}}
    if kind == "index":
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        return folder / "model.safetensors.index.json"
    return folder


@pytest.mark.parametrize("kind", ["safetensors", "npz", "pt", "old bin", "index", "folder"])
def test_files_are_the_mapping_they_hold(same, tmp_path, kind):
    module, weights = mlp(), dict(seeded(Mlp, 1).state_dict())
    report = module.refit(write(kind, weights, tmp_path))
    assert report.changed == sorted(weights)
    assert same(module(X), mlp(1)(X))


def test_a_plan_is_a_source(same, tmp_path):
    other, module = mlp(1), mlp()
    other.engines[0].save(tmp_path / "other.plan")
    module.refit(tmp_path / "other.plan")
    assert same(module(X), other(X))


@pytest.mark.parametrize("name", sorted(ZOO))
def test_an_archive_of_torch_is_a_source(fresh, same, tmp_path, name):
    make, args = ZOO[name]
    torch.export.save(torch.export.export(seeded(make, 1), args, strict=False), tmp_path / "new.pt2")
    refitted = refit_module_weights(fresh(name), tmp_path / "new.pt2", args, verify_output=True)
    assert same(refitted(*args), fresh(name, 1)(*args))


def test_an_archive_of_tenon_is_a_source(same, tmp_path):
    tenon.torch.save(mlp(1), tmp_path / "new.ep")
    module = mlp()
    module.refit(tmp_path / "new.ep")
    assert same(module(X), mlp(1)(X))


def test_arrays_are_a_source(same):
    module = mlp()
    module.refit({name: value.numpy() for name, value in seeded(Mlp, 1).state_dict().items()})
    assert same(module(X), mlp(1)(X))


def test_a_source_that_changes_afterwards_changes_nothing(fresh, same):
    """Weights that share a packed table, as a convolution and its norm, are read again by a partial refit."""
    args, new = ZOO["resnet18"][1], seeded(ResNet18, 1).state_dict()
    weights = {name: value.clone() for name, value in new.items()}
    module = refit_module_weights(fresh("resnet18"), weights)
    for value in weights.values():
        value.zero_()
    for name in ("bn1.bias", "layer1.0.bn1.weight", "fc.bias"):
        module.refit({name: new[name]})
    assert same(module(*args), fresh("resnet18", 1)(*args))


def test_a_module_that_changes_after_its_compile_changes_nothing(fresh, same):
    args, module = ZOO["resnet18"][1], seeded(ResNet18)
    kept = {name: value.clone() for name, value in module.state_dict().items()}
    compiled = tenon.torch.compile(module, args, tactics="first")
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    for name in ("bn1.bias", "layer1.0.bn1.weight", "fc.bias"):
        compiled.refit({name: kept[name]})
    assert same(compiled(*args), fresh("resnet18")(*args))
    assert same(dict(compiled.state_dict()), kept)


@pytest.mark.parametrize("given", ["wte.weight", "lm_head.weight"])
def test_a_tied_weight_is_refitted_under_either_name(fresh, same, given):
    weights = dict(seeded(Gpt2, 1).state_dict())
    for name in {"wte.weight", "lm_head.weight"} - {given}:
        del weights[name]
    module = refit_module_weights(fresh("gpt2"), weights)
    assert same(module(*ZOO["gpt2"][1]), fresh("gpt2", 1)(*ZOO["gpt2"][1]))
    assert same(module.state_dict()["wte.weight"], module.state_dict()["lm_head.weight"])


def test_other_bytes_under_two_names_of_one_weight_are_one_problem(fresh, same):
    module, weights = fresh("gpt2"), dict(seeded(Gpt2, 1).state_dict())
    weights["lm_head.weight"] = weights["wte.weight"] + 1
    before = module(*ZOO["gpt2"][1])
    with pytest.raises(tenon.RefitError) as raised:
        module.refit(weights)
    assert len(raised.value.problems) == 1
    assert same(module(*ZOO["gpt2"][1]), before)


def test_a_constant_travels_with_modules_and_programs(fresh, same):
    x = ZOO["hostile"][1]
    module = refit_module_weights(fresh("hostile"), seeded(Hostile, 1).state_dict())
    assert not same(module(*x), fresh("hostile", 1)(*x))
    assert "plain" not in module.state_dict()
    module.refit({"plain": seeded(Hostile, 1).plain})
    assert same(module(*x), fresh("hostile", 1)(*x))


def test_floats_of_other_widths_convert_and_overflow_is_counted():
    module = tenon.torch.compile(seeded(Mlp).half(), (X.half(),), tactics="first")
    weight = torch.full((3,), 1e6)
    weight[0] = 1
    assert module.refit({"fc2.bias": weight}).overflowed == {"fc2.bias": 2}
    assert module.state_dict()["fc2.bias"].dtype == torch.float16


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_wrappers_prefixes_are_taken_off(same, prefix):
    module = mlp()
    report = module.refit({prefix + name: value for name, value in seeded(Mlp, 1).state_dict().items()})
    assert report.prefix == prefix
    assert same(module(X), mlp(1)(X))


def test_a_new_module_leaves_the_old_one_as_it_was(same):
    module = mlp()
    before = module(X)
    refitted = refit_module_weights(module, seeded(Mlp, 1))
    refitted.refit({"fc1.bias": torch.zeros(8)})
    module.refit({"fc2.bias": torch.zeros(3)})
    expected = seeded(Mlp, 1)
    with torch.no_grad():
        expected.fc1.bias.zero_()
        assert torch.allclose(refitted(X), expected(X), atol=1e-6)
    module.reset()
    assert same(module(X), before)


def test_in_place_returns_the_module_itself(same):
    module = mlp()
    assert refit_module_weights(module, seeded(Mlp, 1), in_place=True) is module
    assert same(module(X), mlp(1)(X))


def test_publish_and_reset_go_back(same):
    module = mlp()
    old, before = module.state, module(X)
    module.refit(seeded(Mlp, 1))
    new, after = module.state, module(X)
    assert new.version > old.version == 1
    module.publish(old)
    assert same(module(X), before) and module.version == 1
    module.publish(new)
    assert same(module(X), after)
    module.reset()
    assert same(module(X), before)


def test_what_does_not_verify_changes_nothing(same):
    module, before = mlp(), mlp()(X)

    class Liar(Mlp):
        def forward(self, x):
            return super().forward(x) + 1

    for in_place in (False, True):
        with pytest.raises(tenon.RefitError, match=r"verify_output: output at \[\d, \d\] is .*, not "):
            refit_module_weights(module, seeded(Liar, 1), (X,), verify_output=True, in_place=in_place)
        assert same(module(X), before) and module.version == 1


def test_load_state_dict_is_torchs():
    module, weights = mlp(), seeded(Mlp, 1).state_dict()
    assert module.load_state_dict(weights) == ([], [])
    part = {"fc1.bias": weights["fc1.bias"], "other": torch.zeros(1)}
    missing, unexpected = module.load_state_dict(part, strict=False)
    assert missing == [name for name in weights if name != "fc1.bias"] and unexpected == ["other"]
    with pytest.raises(tenon.RefitError, match='"other" is not in this module'):
        module.load_state_dict(part)
    assert all(torch.equal(module.state_dict()[name], value) for name, value in weights.items())


def test_counters_that_nothing_reads_are_kept_for_state_dict():
    module = tenon.torch.compile(seeded(ResNet18), ZOO["resnet18"][1], tactics="first")
    weights = seeded(ResNet18, 1).state_dict()
    weights["bn1.num_batches_tracked"] += 7
    report = module.refit(weights)
    assert "bn1.num_batches_tracked" in report.ignored
    assert all(torch.equal(module.state_dict()[name], value) for name, value in weights.items())


def test_every_call_is_of_one_version_while_refits_go_on():
    class Pair(nn.Module):
        """Both outputs are equal, and tell the version, unless two are mixed."""

        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Parameter(torch.zeros(64)), nn.Parameter(torch.zeros(64))

        def forward(self, x):
            return x + self.a, x + self.b

    x = torch.zeros(64)
    module = tenon.torch.compile(Pair().eval(), (x,), tactics="first")
    stop, mixed, calls = threading.Event(), [], [0] * 4

    def caller(index):
        while not stop.is_set():
            a, b = module(x)
            calls[index] += 1
            if not torch.equal(a, b):
                mixed.append((a, b))

    threads = [threading.Thread(target=caller, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for version in range(300):
        value = torch.full((64,), float(version))
        module.refit({"a": value, "b": value})
    stop.set()
    for thread in threads:
        thread.join()
    assert not mixed and min(calls) > 0 and module.version == 301


@pytest.mark.parametrize("sources", ["keep", "file"])
def test_refits_where_arrays_are_kept_in_memory_or_a_file(close, sources):
    module, trained = seeded(lambda: Mlp(64, 64)), seeded(lambda: Mlp(64, 64), 1)
    x = torch.randn(2, 64)
    compiled = tenon.torch.compile(module, (x,), sources=sources, cache=False, tactics="first")
    half = dict(list(trained.state_dict().items())[::2])
    compiled.refit(half)
    module.load_state_dict(half, strict=False)
    assert close(compiled(x), module(x))
    compiled.reset()
    assert close(compiled(x), seeded(lambda: Mlp(64, 64))(x))
    with pytest.raises(tenon.InputError, match="sources='lose'"):
        tenon.torch.compile(module, (x,), sources="lose", cache=False)
