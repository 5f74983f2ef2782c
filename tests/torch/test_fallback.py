"""What cannot be compiled runs in torch beside engines, and is refitted with them."""

from __future__ import annotations

import logging

import pytest
import torch
from models import Mlp, ResNet18, seeded
from torch import nn

import tenon
import tenon.torch
from tenon.torch import refit_module_weights

X = torch.randn(2, 4)


class Bessel(nn.Module):
    """An operator that ONNX lacks, with a weight of its own, between two layers."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 3)
        self.scale = nn.Parameter(torch.rand(4))

    def forward(self, x):
        return self.b(torch.special.bessel_j0(self.a(x) * self.scale) + self.scale).relu_()


class Counter(nn.Module):
    """Counts its calls."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls.add_(1)
        return self.a(x) + self.calls


def orthogonal():
    return nn.utils.parametrizations.orthogonal(nn.Linear(4, 4))


def both(make, seed=0, **options):
    module = seeded(make, seed)
    return module, tenon.torch.compile(module, (X,), tactics="first", **options)


@pytest.mark.parametrize("make", [Bessel, orthogonal], ids=lambda make: make.__name__)
def test_parts_in_torch_answer_and_are_refitted_as_the_module(make, close, same):
    module, compiled = both(make)
    with torch.no_grad():
        assert close(compiled(X), module(X))
        other, fresh = both(make, 1)
        old = compiled.state
        compiled.refit(other.state_dict())
        assert close(compiled(X), other(X)) and same(compiled(X), fresh(X))
        compiled.publish(old)
        assert close(compiled(X), module(X))


@pytest.mark.parametrize("make", [Bessel, orthogonal], ids=lambda make: make.__name__)
def test_parts_in_torch_keep_all_names(make, same):
    module, compiled = both(make)
    assert same(dict(compiled.state_dict()), dict(module.state_dict()))
    assert list(compiled.state_dict()) == list(module.state_dict())


def test_children_and_report_say_what_runs_where():
    _, compiled = both(Bessel)
    assert [name for name, _ in compiled.named_children()] == [
        "_run_on_acc_0",
        "_run_on_gpu_1",
        "_run_on_acc_2",
    ]
    (line,) = compiled.report
    assert line.op == "aten.special_bessel_j0.default" and not line.at_refit
    assert "test_fallback.py, line" in line.module and "no translation of prims.bessel_j0" in line.reason


def test_a_chain_of_weights_runs_at_refits_only():
    _, compiled = both(orthogonal)
    assert [name for name, _ in compiled.named_children()] == ["_run_on_acc_0"]
    assert [line.at_refit for line in compiled.report] == [True]


def test_one_line_is_logged(caplog):
    with caplog.at_level(logging.WARNING, "tenon"):
        both(Bessel)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "tenon"]
    assert line.startswith("1 operators run in torch; the first is aten.special_bessel_j0.default")


def test_a_partial_refit_reaches_a_weight_that_both_sides_read(close):
    module, compiled = both(Bessel)
    compiled.refit({"scale": torch.ones(4)})
    with torch.no_grad():
        module.scale.fill_(1)
        assert close(compiled(X), module(X))


def test_buffers_that_are_written_are_kept_in_torch(close):
    module, compiled = both(Counter)
    with torch.no_grad():
        for _ in range(3):
            assert close(compiled(X), module(X))
    assert compiled.state_dict()["calls"] == 3
    compiled.refit({"calls": torch.tensor(10.0)})
    compiled(X)
    assert compiled.state_dict()["calls"] == 11


def test_checking_changes_no_buffer():
    module, compiled = both(Counter)
    assert module.calls == 0 and compiled.state_dict()["calls"] == 0


@pytest.mark.parametrize("make", [Bessel, Counter, orthogonal], ids=lambda make: make.__name__)
def test_fallback_error_refuses_what_torch_would_run(make):
    with pytest.raises(tenon.BuildError):
        both(make, fallback="error")


def test_chosen_operators_run_in_torch(close):
    module, compiled = both(Mlp, torch_executed_ops=["aten.relu"])
    assert [name for name, _ in compiled.named_children()] == [
        "_run_on_acc_0",
        "_run_on_gpu_1",
        "_run_on_acc_2",
    ]
    with torch.no_grad():
        assert close(compiled(X), module(X))


def test_small_blocks_are_torchs_too(close):
    module, compiled = both(Mlp, torch_executed_ops=[torch.ops.aten.relu.default], min_block_size=5)
    assert [name for name, _ in compiled.named_children()] == ["_run_on_gpu_0"]
    assert compiled.engines == ()
    other = seeded(Mlp, 1)
    compiled.refit(other)
    with torch.no_grad():
        assert close(compiled(X), other(X))


def test_dynamic_extents_pass_through_all_parts(close):
    shapes = ({0: torch.export.Dim("batch", max=9)},)
    module, compiled = both(Bessel, dynamic_shapes=shapes)
    assert len(compiled.engines) == 2 and compiled.engines[1].inputs[0].shape[0] == "batch"
    x = torch.randn(7, 4)
    with torch.no_grad():
        assert close(compiled(x), module(x))


def test_a_refused_refit_changes_no_part(same):
    _, compiled = both(Bessel)
    before = compiled(X)
    with pytest.raises(tenon.RefitError) as raised:
        compiled.refit({"scale": torch.ones(4), "a.bias": torch.ones(5), "b.bias": torch.ones(2)})
    assert len(raised.value.problems) == 2
    assert same(compiled(X), before)


def test_a_large_network_with_one_operator_in_torch(close):
    x = torch.randn(2, 3, 32, 32)
    module = seeded(ResNet18)
    compiled = tenon.torch.compile(module, (x,), torch_executed_ops=["aten.max_pool2d"], tactics="first")
    other = seeded(ResNet18, 1)
    refitted = refit_module_weights(compiled, other, (x,), verify_output=True)
    with torch.no_grad():
        assert close(refitted(x), other(x)) and close(compiled(x), module(x))
