"""Laws of adapters, by hypothesis over what they change; and PEFT's own merges, where it is installed."""

from __future__ import annotations

import copy
import threading

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from models import seeded
from torch import nn

import tenon
import tenon.torch

law = settings(
    deadline=None, max_examples=25, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(11, 6)
        self.conv, self.group = nn.Conv1d(6, 4, 3, padding=1), nn.Conv1d(4, 4, 1, groups=2)
        self.head = nn.Linear(4, 5)

    def forward(self, ids):
        return self.head(self.group(self.conv(self.words(ids).transpose(1, 2))).transpose(1, 2))


IDS = torch.arange(10).reshape(2, 5)
SHAPES = {"words": ((11,), (6,)), "conv": ((6, 3), (4, 1)), "group": ((2, 1), (4, 1)), "head": ((4,), (5,))}


def tensors(modules, rank, seed):
    """An adapter with PEFT's names."""
    generator, found = torch.Generator().manual_seed(seed), {}
    for module in modules:
        a, b = SHAPES[module]
        embedding = module == "words"
        keys = ("lora_embedding_A", "lora_embedding_B") if embedding else ("lora_A.weight", "lora_B.weight")
        for key, shape in zip(keys, ((rank, *a), (b[0], rank, *b[1:]))):
            found[f"base_model.model.{module}.{key}"] = 0.3 * torch.randn(shape, generator=generator)
    return found


adapters = st.builds(
    tensors,
    st.lists(st.sampled_from(sorted(SHAPES)), min_size=1, unique=True),
    st.integers(1, 4),
    st.integers(0, 10**6),
)
scales = st.sampled_from([-2.0, -0.5, 0.0, 0.25, 1.0, 3.0])
named = st.dictionaries(st.sampled_from("abc"), st.tuples(adapters, scales), min_size=1)


@pytest.fixture(scope="module")
def compiled():
    return tenon.torch.compile(seeded(Model), (IDS,), tactics="first")


def apply(module, chosen, order=None):
    module.adapters.clear()
    for name in order or chosen:
        module.adapters.add(name, chosen[name][0], chosen[name][1])
    return module(IDS)


@law
@given(chosen=named)
def test_the_sum_is_torch_s_and_removing_it_leaves_the_base(compiled, same, chosen):
    compiled.adapters.clear()
    base, weights = compiled(IDS), dict(compiled.state_dict())
    found = apply(compiled, chosen)
    expected = copy.deepcopy(seeded(Model))
    with torch.no_grad():
        for each, scale in chosen.values():
            for key in [k for k in each if "_A" in k]:
                name = key.split(".")[2]
                a, b, weight = each[key], each[key.replace("_A", "_B")], expected.get_submodule(name).weight
                delta = b.flatten(1) @ a.flatten(1)
                weight += scale * (delta.T if name == "words" else delta).reshape(weight.shape)
        assert torch.allclose(found, expected(IDS), atol=1e-5)
    assert same(dict(compiled.state_dict()), weights)
    for name in chosen:
        compiled.adapters.remove(name)
    assert same(compiled(IDS), base)


@law
@given(chosen=named, data=st.data())
def test_the_order_of_adding_does_not_matter(compiled, same, chosen, data):
    order = data.draw(st.permutations(sorted(chosen)))
    assert same(apply(compiled, chosen, sorted(chosen)), apply(compiled, chosen, order))


@law
@given(chosen=named, other=adapters)
def test_scale_0_is_absence_and_a_to_b_to_a_is_a(compiled, same, chosen, other):
    first = apply(compiled, chosen)
    active = compiled.adapters.active
    compiled.adapters.add("z", other, 0.0)
    assert same(compiled(IDS), first)
    compiled.adapters.set({"z": 1.0})
    compiled.adapters.set(active)
    assert same(compiled(IDS), first)


@law
@given(chosen=named, seed=st.integers(0, 5))
def test_a_refit_of_the_base_under_adapters_is_a_fresh_sum(compiled, same, chosen, seed):
    apply(compiled, chosen)
    compiled.refit(seeded(Model, seed))
    under = compiled(IDS)
    compiled.adapters.clear()
    compiled.refit(seeded(Model, seed))
    assert same(apply(compiled, chosen), under)
    compiled.adapters.clear()
    compiled.reset()


# PEFT. -------------------------------------------------------------------------------------------


class Gpt(nn.Module):
    """A Conv1D, whose weight is kept transposed, between what PEFT knows."""

    def __init__(self):
        super().__init__()
        conv1d = pytest.importorskip("transformers.pytorch_utils").Conv1D
        self.words = nn.Embedding(11, 6)
        self.wide = nn.Conv2d(1, 3, 3, padding=1)
        self.turned, self.head = conv1d(9, 6), nn.Linear(9, 5)

    def forward(self, ids):
        x = self.words(ids)
        return self.head(self.turned(self.wide(x[:, None]).sum(1)))


CONFIGS = {
    "plain": {"target_modules": ["words", "wide", "turned", "head"], "r": 3, "lora_alpha": 6},
    "rslora": {"target_modules": ["head"], "r": 4, "lora_alpha": 2, "use_rslora": True},
    "patterns": {
        "target_modules": ["head", "turned"], "r": 2, "rank_pattern": {"head": 3}, "alpha_pattern": {"turned": 7},
    },
    "dora": {"target_modules": ["wide", "turned", "head"], "r": 2, "use_dora": True},
    "lora_bias": {"target_modules": ["head"], "r": 2, "lora_alpha": 5, "lora_bias": True},
    "bias": {"target_modules": ["head", "turned"], "r": 2, "bias": "lora_only"},
    "saved": {"target_modules": ["turned"], "r": 2, "modules_to_save": ["head"]},
}  # fmt: skip


@pytest.mark.parametrize("case", CONFIGS)
def test_peft_merges_the_same(tmp_path, case):
    peft = pytest.importorskip("peft")
    model, plain = seeded(Gpt), seeded(Gpt)
    compiled = tenon.torch.compile(plain, (IDS,), tactics="first")
    live = peft.get_peft_model(model, peft.LoraConfig(init_lora_weights=False, **CONFIGS[case])).eval()
    torch.manual_seed(3)
    with torch.no_grad():
        for name, parameter in live.named_parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    live.save_pretrained(tmp_path)
    compiled.adapters.add("it", tmp_path)
    merged = live.merge_and_unload()
    with torch.no_grad():
        assert torch.allclose(compiled(IDS), merged(IDS), rtol=1e-5, atol=1e-5)
    weights = compiled.weights(merged=True)
    for name, tensor in merged.state_dict().items():
        assert torch.allclose(weights[name], tensor, rtol=0, atol=1e-6), name
    compiled.adapters.clear()
    with torch.no_grad():
        assert torch.allclose(compiled(IDS), plain(IDS), rtol=1e-5, atol=1e-5)


def test_dora_beside_another_change_of_the_weight_is_refused(compiled):
    compiled.adapters.clear()
    dora = tensors(["head"], 2, 1) | {"base_model.model.head.lora_magnitude_vector": torch.ones(5)}
    compiled.adapters.add("dora", dora)
    with pytest.raises(tenon.RefitError, match='"dora" is DoRA of "head.weight", which "plain" changes too'):
        compiled.adapters.add("plain", tensors(["head"], 2, 2))
    assert compiled.adapters.active == {"dora": 1.0}
    compiled.adapters.clear()


def test_eight_threads_see_whole_adapters_while_one_thread_changes_them(compiled, same):
    compiled.adapters.clear()
    scales = [{"a": 1.0}, {"b": -0.5}, {"a": 0.25, "b": 2.0}, {}]
    for seed, name in enumerate("ab"):
        compiled.adapters.add(name, tensors(sorted(SHAPES), 2, seed), 0.0)
    answers = []
    for each in scales:
        compiled.adapters.set(each)
        answers.append(compiled(IDS))
    bank = tenon.torch.Bank(compiled)
    bank["kept"] = {"adapters": scales[0]}
    ended, wrong = threading.Event(), []

    def caller(banked):
        while not ended.is_set():
            if banked:
                found, allowed = bank.run("kept", IDS)[0], answers[:1]
            else:
                found, allowed = compiled(IDS), answers
            if not any(same(found, each) for each in allowed):
                wrong.append(found)

    threads = [threading.Thread(target=caller, args=(number % 2 == 0,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for turn in range(1000):
        compiled.adapters.set(scales[turn % len(scales)])
    ended.set()
    for thread in threads:
        thread.join()
    assert not wrong
    compiled.adapters.clear()
