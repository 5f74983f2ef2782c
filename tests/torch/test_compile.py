"""compile(): names, values, pytrees and dynamic extents."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from models import ZOO, Bert, Gpt2, Hostile, Mlp, Recurrent, ResNet18, seeded
from torch import nn

import tenon
import tenon.torch

NAMES = sorted(ZOO)


@pytest.mark.parametrize("name", NAMES)
def test_state_dict_has_all_names_in_order(fresh, name):
    wanted = seeded(ZOO[name][0]).state_dict()
    found = fresh(name).state_dict()
    assert list(found) == list(wanted)
    assert all(torch.equal(found[key], value) for key, value in wanted.items())


@pytest.mark.parametrize("name", NAMES)
def test_every_floating_tensor_that_is_used_is_a_weight_of_the_engine(fresh, name):
    module = seeded(ZOO[name][0])
    floating = {key for key, value in module.state_dict().items() if value.dtype != torch.int64}
    compiled = fresh(name)
    (engine,) = compiled.engines
    tied = {key for key in floating if key not in engine.weights}
    assert tied == ({"wte.weight"} if name == "gpt2" else set())
    assert all(weight.slots for key, weight in engine.weights.items() if key in floating)


@pytest.mark.parametrize("name", NAMES)
def test_compiled_answers_as_the_module(fresh, close, name):
    make, args = ZOO[name]
    module = seeded(make)
    with torch.no_grad():
        wanted = module(*args)
    assert close(fresh(name)(*args), wanted)


def test_outputs_keep_their_pytree(fresh):
    assert set(fresh("bert")(*ZOO["bert"][1])) == {"hidden", "pooled"}
    y, (h, c) = fresh("lstm")(*ZOO["lstm"][1])
    assert y.shape == (2, 5, 16) and h.shape == c.shape == (4, 2, 8)


class Trees(nn.Module):
    """A dict, a list, a scalar and a None in; a tuple with a None and an input out."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(3))

    def forward(self, batch, pair, *, scale=2.0, absent=None):
        y = batch["a"] * self.w + pair[0] - pair[1]
        return {"y": y * scale, "nothing": absent, "same": pair[0]}, [y]


def test_pytrees_with_none_and_scalars_go_in_and_out(same):
    module = seeded(Trees)
    a, b, c = torch.randn(3, 2, 3).unbind()
    compiled = tenon.torch.compile(
        module, ({"a": a}, [b, c]), kwarg_inputs={"scale": 3.0, "absent": None}, tactics="first"
    )
    found = compiled({"a": b}, [c, a], scale=3.0, absent=None)
    assert found[0]["nothing"] is None
    assert same(found[0]["same"], c)
    assert torch.allclose(found[1][0], b * module.w.detach() + c - a)
    assert same(compiled({"a": b}, [c, a], absent=None, scale=3.0), found)


def test_values_and_inputs_named_as_parameters_are_kept_apart(fresh, close):
    module, x = seeded(Hostile), torch.randn(2, 4)
    with torch.no_grad():
        assert close(fresh("hostile")(x), module(x))


def dynamic(make, args, shapes):
    return tenon.torch.compile(seeded(make), args, dynamic_shapes=shapes, tactics="first")


@pytest.mark.parametrize("make", [ResNet18, Bert, Gpt2], ids=lambda make: make.__name__)
def test_examples_of_batch_one_leave_the_batch_dynamic(make, close):
    args = (torch.randn(1, 3, 32, 32),) if make is ResNet18 else (torch.arange(7)[None],)
    compiled = dynamic(make, args, ({0: torch.export.Dim("batch", min=1, max=8)},))
    assert compiled.engines[0].inputs[0].shape[0] == "batch"
    module = seeded(make)
    for batch in (1, 2, 5):
        x = args[0].repeat(batch, *[1] * (args[0].dim() - 1))
        with torch.no_grad():
            assert close(compiled(x), module(x))


def test_two_dynamic_axes_of_bert(close):
    batch, length = torch.export.Dim("batch", max=16), torch.export.Dim("length", max=64)
    shapes = {"ids": {0: batch, 1: length}, "mask": {0: batch, 1: length}}
    compiled = dynamic(Bert, ZOO["bert"][1], shapes)
    ids, mask = torch.randint(100, (3, 11)), torch.ones(3, 11, dtype=torch.int64)
    mask[1, 6:] = 0
    with torch.no_grad():
        assert close(compiled(ids, mask), seeded(Bert)(ids, mask))


def test_a_program_compiles_as_its_module(same):
    module, x = seeded(Mlp), torch.randn(2, 4)
    program = torch.export.export(module, (x,), strict=False)
    assert same(
        tenon.torch.compile(program, tactics="first")(x),
        tenon.torch.compile(module, (x,), tactics="first")(x),
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_other_floats(dtype):
    module, x = seeded(Mlp).to(dtype), torch.randn(2, 4, dtype=dtype)
    found = tenon.torch.compile(module, (x,), tactics="first")(x)
    assert found.dtype == dtype
    with torch.no_grad():
        assert torch.allclose(found, module(x), rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_state_dict_of_other_floats(dtype, same):
    module = seeded(Mlp).to(dtype)
    compiled = tenon.torch.compile(module, (torch.randn(2, 4, dtype=dtype),), tactics="first")
    assert same(dict(compiled.state_dict()), dict(module.state_dict()))


def test_channels_last_parameters_are_read_by_their_strides(close):
    module = seeded(ResNet18).to(memory_format=torch.channels_last)
    x = ZOO["resnet18"][1][0]
    with torch.no_grad():
        assert close(tenon.torch.compile(module, (x,), tactics="first")(x), module(x))


def test_outputs_never_require_grad(fresh):
    assert not fresh("resnet18")(*ZOO["resnet18"][1]).requires_grad


def test_a_call_does_not_write_its_inputs():
    class Inplace(nn.Module):
        def forward(self, x):
            return x.add_(1)

    x = torch.zeros(3)
    compiled = tenon.torch.compile(Inplace().eval(), (x,), tactics="first")
    assert torch.equal(x, torch.zeros(3))
    assert torch.equal(compiled(x), torch.ones(3))


def test_copies_share_the_engine_and_are_refitted_apart(same):
    module, x = seeded(Mlp), torch.randn(2, 4)
    compiled = tenon.torch.compile(module, (x,), tactics="first")
    before = compiled(x)
    other = copy.deepcopy(compiled)
    other.refit(seeded(Mlp, 1).state_dict())
    assert other.engines[0] is compiled.engines[0]
    assert same(compiled(x), before) and not same(other(x), before)


def test_children_carry_torch_tensorrts_names(fresh):
    assert [name for name, _ in fresh("resnet18").named_children()] == ["_run_on_acc_0"]


def test_refit_none_compiles_the_weights_in(same):
    module, x = seeded(Mlp), torch.randn(2, 4)
    compiled = tenon.torch.compile(module, (x,), refit="none", tactics="first")
    assert not compiled.engines[0].weights
    assert same(dict(compiled.state_dict()), dict(module.state_dict()))


def test_globs_choose_what_is_refittable():
    compiled = tenon.torch.compile(seeded(Mlp), (torch.randn(2, 4),), refit="fc2.*", tactics="first")
    assert sorted(compiled.engines[0].weights) == ["fc2.bias", "fc2.weight"]


def test_importing_tenon_imports_no_torch():
    code = "import sys, tenon; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_what_the_exporter_drops_runs_in_torch(close):
    module = seeded(lambda: Recurrent(nn.LSTM, num_layers=1, bidirectional=False, proj_size=4))
    x = torch.randn(2, 5, 6)
    compiled = tenon.torch.compile(module, (x,), tactics="first")
    assert "drops it" in compiled.report[0].reason
    with torch.no_grad():
        assert close(compiled(x), module(x))


class Numbers(nn.Module):
    """Numbers beside tensors: extents, what is worked out of them, and constants."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        rows = x.shape[0]
        return {"rows": rows, "y": self.fc(x), "more": 2 * rows + 1, "seven": 7, "columns": x.shape[1]}


def test_numbers_are_outputs(close, tmp_path):
    batch = torch.export.Dim("batch", min=1, max=9)
    module, x = seeded(Numbers), torch.randn(2, 4)
    compiled = tenon.torch.compile(module, (x,), dynamic_shapes={"x": {0: batch}}, tactics="first")
    assert compiled.report == []
    tenon.torch.save(compiled, tmp_path / "m.ep")
    loaded = tenon.torch.load(tmp_path / "m.ep").module()
    exported = torch.export.export(compiled, (x,), dynamic_shapes=({0: batch},)).module()
    for rows in (1, 5, 9):
        x = torch.randn(rows, 4)
        with torch.no_grad():
            wanted = module(x)
        for each in (compiled, loaded, exported):
            found = each(x)
            assert close(found.pop("y"), wanted["y"])
            assert found == {"rows": rows, "more": 2 * rows + 1, "seven": 7, "columns": 4}


def test_numbers_are_outputs_beside_parts_in_torch(close):
    batch = torch.export.Dim("batch", min=1, max=9)
    module = seeded(Numbers)
    options = {"dynamic_shapes": {"x": {0: batch}}, "torch_executed_ops": {"aten.linear"}, "tactics": "first"}
    compiled = tenon.torch.compile(module, (torch.randn(2, 4),), **options)
    x = torch.randn(5, 4)
    found = compiled(x)
    with torch.no_grad():
        assert close(found.pop("y"), module(x)["y"])
    assert found == {"rows": 5, "more": 11, "seven": 7, "columns": 4}


@pytest.mark.parametrize("dim", [torch.export.Dim("steps", min=2, max=9), torch.export.Dim.AUTO])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_a_recurrent_sequence_that_shall_vary_is_refused_by_name(kind, dim):
    module = seeded(lambda: Recurrent(kind))
    with pytest.raises(tenon.BuildError, match=f'"rnn" is a {kind.__name__}, whose sequence'):
        tenon.torch.compile(module, (torch.randn(2, 5, 6),), dynamic_shapes={"x": {1: dim}}, tactics="first")


def test_a_recurrent_batch_may_vary(close):
    module = seeded(lambda: Recurrent(nn.LSTM))
    batch = torch.export.Dim("batch", min=1, max=9)
    compiled = tenon.torch.compile(
        module, (torch.randn(2, 5, 6),), dynamic_shapes={"x": {0: batch}}, tactics="first"
    )
    with torch.no_grad():
        for rows in (1, 4):
            x = torch.randn(rows, 5, 6)
            assert close(compiled(x), module(x))


class Conditional(nn.Module):
    """One of two layers, chosen by the data."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: self.a(x), lambda x: self.b(x) + 1, (x,))


class Loop(nn.Module):
    """A layer, as often as an input says."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x, times):
        def more(i, x):
            return i < times

        def body(i, x):
            return i + 1, torch.tanh(self.fc(x))

        return torch._higher_order_ops.while_loop(more, body, (torch.zeros((), dtype=torch.int64), x))[1]


def test_cond_answers_and_refits_as_the_module(close):
    module, x = seeded(Conditional), torch.ones(2, 4)
    compiled = tenon.torch.compile(module, (x,), tactics="first")
    for seed in (0, 1):
        compiled.refit(seeded(Conditional, seed).state_dict())
        with torch.no_grad():
            assert all(close(compiled(each), seeded(Conditional, seed)(each)) for each in (x, -x))


def test_while_loop_answers_and_refits_as_the_module(close):
    module, x, three = seeded(Loop), torch.randn(2, 4), torch.tensor(3)
    compiled = tenon.torch.compile(module, (x, three), tactics="first")
    for seed in (0, 1):
        compiled.refit(seeded(Loop, seed).state_dict())
        with torch.no_grad():
            for times in (torch.tensor(0), three, torch.tensor(7)):
                assert close(compiled(x, times), seeded(Loop, seed)(x, times))
