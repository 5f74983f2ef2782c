"""Adapters: their laws, and the formats they come in. The oracle is the merge in torch, by PEFT's formulas."""

from __future__ import annotations

import itertools
import json
import math

import pytest
import torch
from models import ZOO, Bert, CrossAttention, seeded
from safetensors.torch import save_file
from torch import nn

import tenon
import tenon.torch
from tenon.torch import Bank


class Mixed(nn.Module):
    """An embedding, a convolution of 3 x 3, one of 1 x 1, and a square linear layer."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(11, 6)
        self.wide, self.point = nn.Conv1d(6, 4, 3, padding=1), nn.Conv1d(4, 5, 1)
        self.head = nn.Linear(5, 5)

    def forward(self, ids):
        x = self.words(ids).transpose(1, 2)
        return self.head(self.point(self.wide(x)).transpose(1, 2))


IDS = torch.arange(10).reshape(2, 5)
RANK, ALPHA = 2, 3.0


def random(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 0.3


def peft(seed=0):
    """PEFT's names and shapes for all four layers, and each weight's change by its formulas."""
    s = ALPHA / RANK
    shapes = {
        "words": ((RANK, 11), (6, RANK)),
        "wide": ((RANK, 6, 3), (4, RANK, 1)),
        "point": ((RANK, 4, 1), (5, RANK, 1)),
        "head": ((RANK, 5), (5, RANK)),
    }
    tensors, deltas = {}, {}
    for number, (name, (a_shape, b_shape)) in enumerate(shapes.items()):
        a, b = random(*a_shape, seed=100 * seed + number), random(*b_shape, seed=100 * seed + 50 + number)
        pair = (
            ("lora_embedding_A", "lora_embedding_B")
            if name == "words"
            else ("lora_A.weight", "lora_B.weight")
        )
        tensors |= {f"base_model.model.{name}.{key}": value for key, value in zip(pair, (a, b))}
        if name == "words":
            deltas[name] = (b @ a).T * s
        elif a.dim() == 3:
            deltas[name] = nn.functional.conv1d(a.transpose(0, 1), b).transpose(0, 1) * s
        else:
            deltas[name] = (b @ a) * s
    return tensors, deltas


def merged(module, *scaled):
    """The module with the changes added."""
    with torch.no_grad():
        for deltas, scale in scaled:
            for name, delta in deltas.items():
                module.get_submodule(name).weight += delta * scale
    return module


CONFIG = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA}


@pytest.fixture
def compiled():
    return tenon.torch.compile(seeded(Mixed), (IDS,), tactics="first")


def add(compiled, name, seed, scale=1.0):
    compiled.adapters.add(name, peft(seed)[0], scale, config=CONFIG)


def test_an_adapter_is_the_merge(compiled, close):
    add(compiled, "a", 1, 0.5)
    with torch.no_grad():
        assert close(compiled(IDS), merged(seeded(Mixed), (peft(1)[1], 0.5))(IDS))


def test_several_are_summed_and_their_order_does_not_matter(same, close):
    results = []
    for order in itertools.permutations("abc"):
        module = tenon.torch.compile(seeded(Mixed), (IDS,), tactics="first", check=False)
        for name in order:
            add(module, name, "abc".index(name))
        results.append(module(IDS))
    assert all(same(results[0], each) for each in results)
    with torch.no_grad():
        assert close(results[0], merged(seeded(Mixed), *((peft(seed)[1], 1.0) for seed in range(3)))(IDS))


def test_removing_gives_the_base_to_the_bit_after_any_history(compiled, same):
    before, state = compiled(IDS), compiled.state_dict()
    add(compiled, "a", 1)
    add(compiled, "b", 2, 0.1)
    compiled.adapters.scale("a", -3.0)
    compiled.adapters.set({"b": 2.0})
    compiled.adapters.remove("a")
    compiled.adapters.remove("b")
    assert same(compiled(IDS), before) and same(dict(compiled.state_dict()), dict(state))
    assert not compiled.adapters.active and list(compiled.adapters) == []


def test_a_to_b_to_a_is_a_and_scale_zero_is_absence(compiled, same):
    add(compiled, "a", 1)
    only_a = compiled(IDS)
    add(compiled, "b", 2, 0.0)
    assert same(compiled(IDS), only_a)
    compiled.adapters.set({"b": 1.0})
    assert not same(compiled(IDS), only_a)
    compiled.adapters.set({"a": 1.0})
    assert same(compiled(IDS), only_a)


def test_the_base_is_refitted_under_adapters(compiled, close, same):
    base = dict(seeded(Mixed, 1).state_dict())
    add(compiled, "a", 1, 0.5)
    compiled.refit(base)
    with torch.no_grad():
        assert close(compiled(IDS), merged(seeded(Mixed, 1), (peft(1)[1], 0.5))(IDS))
    assert same(dict(compiled.state_dict()), base)
    assert compiled.adapters.active == {"a": 0.5}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_sixteen_bits_are_rounded_once(dtype):
    module = tenon.torch.compile(seeded(Mixed).to(dtype), (IDS,), tactics="first")
    add(module, "a", 1)
    base = seeded(Mixed).to(dtype).head.weight.detach()
    assert torch.equal(
        module.weights(merged=True)["head.weight"], (base.float() + peft(1)[1]["head"]).to(dtype)
    )


def test_saving_keeps_the_base_or_writes_the_merge(compiled, same, tmp_path):
    before = compiled(IDS)
    add(compiled, "a", 1)
    tenon.torch.save(compiled, tmp_path / "base.ep")
    tenon.torch.save(compiled, tmp_path / "merged.ep", adapters="merge")
    assert same(tenon.torch.load(tmp_path / "base.ep").module()(IDS), before)
    assert same(tenon.torch.load(tmp_path / "merged.ep").module()(IDS), compiled(IDS))


def test_copies_have_adapters_of_their_own(compiled, same):
    import copy

    add(compiled, "a", 1)
    with_a, other = compiled(IDS), copy.deepcopy(compiled)
    other.adapters.clear()
    assert same(compiled(IDS), with_a) and not same(other(IDS), with_a)
    other.adapters.add("b", peft(2)[0], config=CONFIG)
    assert list(compiled.adapters) == ["a"]


def test_a_banks_entries_may_be_adapters(compiled, close):
    add(compiled, "a", 1, 0.0)
    bank = Bank(compiled)
    bank["acme"] = {"adapters": {"a": 0.5}}
    with torch.no_grad():
        assert close(bank.run("acme", IDS)[0], merged(seeded(Mixed), (peft(1)[1], 0.5))(IDS))
        assert close(compiled(IDS), seeded(Mixed)(IDS))


# Formats. ----------------------------------------------------------------------------------------


def test_a_peft_folder(compiled, same, tmp_path):
    save_file(peft(1)[0], tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps(CONFIG))
    compiled.adapters.add("folder", tmp_path)
    found = compiled(IDS)
    compiled.adapters.clear()
    add(compiled, "mapping", 1)
    assert same(compiled(IDS), found)


def test_kohyas_names_are_resolved_from_the_model(close):
    module = tenon.torch.compile(seeded(Bert), ZOO["bert"][1], tactics="first")
    a, b = random(4, 32, seed=1), random(32, 4, seed=2)
    key = "lora_unet_layers_1_attention_query"
    tensors = {f"{key}.lora_down.weight": a, f"{key}.lora_up.weight": b, f"{key}.alpha": torch.tensor(2.0)}
    module.adapters.add("k", tensors)
    expected = seeded(Bert)
    with torch.no_grad():
        expected.layers[1].attention.query.weight += b @ a * (2.0 / 4)
        assert close(module(*ZOO["bert"][1]), expected(*ZOO["bert"][1]))


def test_attentions_in_proj(close):
    args = ZOO["cross_attention"][1]
    module = tenon.torch.compile(seeded(CrossAttention), args, tactics="first")
    a, b = random(4, 16, seed=1), random(48, 4, seed=2)
    tensors = {"base_model.model.mha.lora_A.weight": a, "base_model.model.mha.lora_B.weight": b}
    module.adapters.add("in", tensors, config={"lora_alpha": 8})
    expected = seeded(CrossAttention)
    with torch.no_grad():
        expected.mha.in_proj_weight += b @ a * 2
        assert close(module(*args), expected(*args))


@pytest.mark.parametrize(
    ("config", "scaling"),
    [
        ({"lora_alpha": 6}, 6 / RANK),
        ({"lora_alpha": 6, "use_rslora": True}, 6 / math.sqrt(RANK)),
        ({"lora_alpha": 6, "alpha_pattern": {"head": 10}}, 10 / RANK),
        ({}, 1.0),
    ],
)
def test_scalings(compiled, config, scaling):
    a, b = random(RANK, 5, seed=1), random(5, RANK, seed=2)
    tensors = {"base_model.model.head.lora_A.weight": a, "base_model.model.head.lora_B.weight": b}
    compiled.adapters.add("a", tensors, config=config)
    expected = seeded(Mixed).head.weight.detach() + b @ a * scaling
    assert torch.allclose(compiled.weights(merged=True)["head.weight"], expected, atol=1e-6)


def test_a_square_weight_is_turned_only_where_the_configuration_says_so(compiled):
    a, b = random(RANK, 5, seed=1), random(5, RANK, seed=2)
    tensors = {"base_model.model.head.lora_A.weight": a, "base_model.model.head.lora_B.weight": b}
    compiled.adapters.add("a", tensors, config={"fan_in_fan_out": True})
    expected = seeded(Mixed).head.weight.detach() + (b @ a).T
    assert torch.allclose(compiled.weights(merged=True)["head.weight"], expected, atol=1e-6)


def test_modules_to_save_replace(compiled, close):
    new = random(5, 5, seed=3)
    compiled.adapters.add("a", {"base_model.model.head.weight": new})
    expected = seeded(Mixed)
    with torch.no_grad():
        expected.head.weight.copy_(new)
        assert close(compiled(IDS), expected(IDS))


# Bad adapters. -----------------------------------------------------------------------------------

PAIR = {"lora_A.weight": torch.ones(2, 5), "lora_B.weight": torch.ones(5, 2)}


def named(module, **tensors):
    return {
        f"base_model.model.{module}.{key.replace('_weight', '.weight')}": value
        for key, value in tensors.items()
    }


BAD = [
    (
        named("haed", lora_A_weight=torch.ones(2, 5), lora_B_weight=torch.ones(5, 2)),
        'haed" is not in this module; the nearest is "head"',
    ),
    (named("head", lora_A_weight=torch.ones(2, 5)), '"base_model.model.head" has no factor B'),
    (
        named("head", lora_A_weight=torch.ones(2, 5), lora_B_weight=torch.ones(5, 3)),
        r"factors \[2, 5\] and \[5, 3\], whose ranks do not meet",
    ),
    (
        named("head", lora_A_weight=torch.ones(2, 7), lora_B_weight=torch.ones(5, 2)),
        r'makes \[5, 7\], "head.weight" has \[5, 5\]',
    ),
    (named("head", lora_magnitude_vector=torch.ones(5)), '"base_model.model.head" has no factor A'),
    (
        named("head", **{k.replace(".", "_"): v for k, v in PAIR.items()}, lora_magnitude_vector=torch.ones(4)),
        "has 4 magnitudes for 5 rows",
    ),
    ({"lora_unet_head.dora_scale": torch.ones(5, 1)}, "is of kohya's DoRA, which is not supported"),
    ({"lora_unet_head.hada_w1_a": torch.ones(5, 2)}, "is of LoHa, which is not supported"),
    ({"lora_unet_head.lokr_w1": torch.ones(5, 2)}, "is of LoKr, which is not supported"),
    (
        {"lora_unet_head.lora_mid.weight": torch.ones(5, 2)},
        "is of a Tucker decomposition, which is not supported",
    ),
]


@pytest.mark.parametrize(("tensors", "message"), BAD)
def test_bad_adapters_change_nothing(compiled, same, tensors, message):
    before = compiled(IDS)
    with pytest.raises(tenon.RefitError, match=message):
        compiled.adapters.add("bad", tensors)
    assert same(compiled(IDS), before) and "bad" not in compiled.adapters


def test_one_error_lists_every_key_without_target(compiled):
    tensors = peft(1)[0] | named("a", lora_A_weight=torch.ones(2, 5)) | {"b.lora_A.weight": torch.ones(2, 5)}
    with pytest.raises(tenon.RefitError) as raised:
        compiled.adapters.add("bad", tensors)
    assert len(raised.value.problems) == 2


def test_two_that_replace_one_weight_clash(compiled):
    compiled.adapters.add("a", {"base_model.model.head.weight": torch.ones(5, 5)})
    with pytest.raises(tenon.RefitError, match='"a" and "b" both replace "head.weight"'):
        compiled.adapters.add("b", {"base_model.model.head.weight": torch.zeros(5, 5)})
    assert compiled.adapters.active == {"a": 1.0}


def test_layer_replication_is_refused_by_name(compiled):
    with pytest.raises(tenon.RefitError, match="layer_replication, which is not supported"):
        compiled.adapters.add("a", peft(1)[0], config={**CONFIG, "layer_replication": [[0, 2]]})
