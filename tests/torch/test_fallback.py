"""What cannot be compiled runs in torch beside engines, and is refitted with them."""

from __future__ import annotations

import builtins
import json
import logging

import pytest
import torch
from models import Mlp, ResNet18, seeded
from torch import nn

import tenon
import tenon.torch
from tenon.torch import _archive, refit_module_weights

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


class Mixed(nn.Module):
    """Engines beside torch, a chain of weights alone, complex numbers, and an extent among the outputs."""

    def __init__(self):
        super().__init__()
        self.a, self.b = Bessel(), orthogonal()
        self.turn = nn.Parameter(torch.randn(4, dtype=torch.complex64))
        self.small = nn.Parameter(torch.rand(4).bfloat16())

    def forward(self, x, *, scale=2.0):
        y = torch.fft.ifft(torch.fft.fft(self.b(x)) * self.turn).real
        return {"y": self.a(y * scale) + self.a(x), "rows": x.shape[0], "half": x.to(torch.bfloat16) * self.small}


def test_modules_with_parts_in_torch_are_saved_and_loaded_for_ever(same, close, tmp_path):
    batch = torch.export.Dim("batch", min=1, max=9)
    options = {"dynamic_shapes": {"x": {0: batch}, "scale": None}, "tactics": "first"}
    module, other, x = seeded(Mixed), seeded(Mixed, 1), torch.randn(5, 4)
    compiled = tenon.torch.compile(module, (X,), kwarg_inputs={"scale": 2.0}, **options)
    assert compiled.report
    tenon.torch.save(compiled, tmp_path / "1.ep")
    first = tenon.torch.load(tmp_path / "1.ep")
    assert same(first.module()(x, scale=2.0), compiled(x, scale=2.0))
    refit_module_weights(first, other, in_place=True)
    compiled.refit(other)
    assert same(first.module()(x, scale=2.0), compiled(x, scale=2.0))
    with torch.no_grad():
        assert close(compiled(x, scale=2.0)["y"], other(x)["y"])
    tenon.torch.save(first, tmp_path / "2.pt2")
    second = torch.export.load(tmp_path / "2.pt2")
    assert same(second.module()(x, scale=2.0), compiled(x, scale=2.0))
    new = refit_module_weights(second, module, (x,), {"scale": 2.0}, verify_output=True)
    with torch.no_grad():
        assert close(new(x, scale=2.0)["y"], module(x)["y"])
    assert same(dict(new.state_dict()), dict(module.state_dict()))
    assert [str(each) for each in new.report] == [str(each) for each in compiled.report]


def bundle(tmp_path):
    """The plan of a saved module with parts in torch, its description, and what follows it."""
    _, compiled = both(Bessel)
    tenon.torch.save(compiled, tmp_path / "m.ep")
    data = tenon.torch.load(tmp_path / "m.ep").state_dict["tenon_plan_0"].numpy().tobytes()
    length = int.from_bytes(data[8:16], "little")
    return json.loads(data[16 : 16 + length]), data[16 + length + -(16 + length) % 64 :]


def repacked(text, rest):
    head = json.dumps(text).encode()
    head += b" " * (-(16 + len(head)) % 64)  # what follows lies as it lay
    return torch.frombuffer(bytearray(b"TENONMOD" + len(head).to_bytes(8, "little") + head + rest), dtype=torch.uint8)


CODE = 'x=__import__("builtins").pwned()'
READ = {"op": "get_attr", "name": "read", "target": CODE, "args": [], "kwargs": {}}


def torch_child(text):
    return next(each["torch"] for each in text["children"].values() if "torch" in each)


def torch_nodes(text):
    return torch_child(text)["nodes"]


def call(text):
    return next(node for node in torch_nodes(text) if node["op"] == "call_function")


DAMAGE = {
    "an operator of nobody's": (lambda t: call(t).update(target="os.system"), "calls 'os.system'"),
    "an operator that reads files": (
        lambda t: call(t).update(target="aten.from_file.default"), "calls 'aten.from_file.default'",
    ),
    "another kind of node": (lambda t: call(t).update(op="call_method"), "a node call_method"),
    "a child that is not there": (
        lambda t: t["graph"][-2].update(op="call_module", target="other"), "a node call_module 'other'",
    ),
    "an argument of no kind": (lambda t: call(t).update(args=[{"eval": "1"}]), "an argument eval '1'"),
    "sizes beyond the end": (lambda t: t.update(sizes=[1 << 40, *t["sizes"][1:]]), "is cut off"),
    "negative sizes": (lambda t: t.update(sizes=[-1, *t["sizes"][1:]]), "is cut off"),
    "another format": (lambda t: t.update(format=99), "has format 99"),
    "code for a name": (lambda t: torch_nodes(t).insert(1, READ), "a node get_attr"),
    "code for a tensor's name": (
        lambda t: (torch_child(t)["reads"].append(CODE), t["stored"].update({CODE: ["float32", [1], False]})), "is damaged|the name",
    ),
    "code for an input's name": (lambda t: torch_nodes(t)[0].update(target=CODE), "the name"),
    "code for an argument's name": (lambda t: call(t).update(kwargs={CODE: 1}), "the name"),
    "code for a child's name": (
        lambda t: t.update(children={CODE: t["children"].popitem()[1], **t["children"]}), "the name",
    ),
    "code for the name of a keyword input": (
        lambda t: t.update(in_spec=t["in_spec"].replace('"context": "[]"', json.dumps({"context": json.dumps([CODE])})[1:-1])),
        "no identifier|damaged",
    ),
    "no graph": (lambda t: t.pop("graph"), "is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_bundles_are_refused(tmp_path, monkeypatch, case):
    change, message = DAMAGE[case]
    monkeypatch.setattr(builtins, "pwned", lambda: pytest.fail("code of an archive has run"), raising=False)
    text, rest = bundle(tmp_path)
    before = json.dumps(text)
    change(text)
    assert json.dumps(text) != before
    with pytest.raises(tenon.PlanError, match=message):
        _archive.bundled(repacked(text, rest))


def test_the_bundle_is_read_as_it_was_written(tmp_path, same):
    text, rest = bundle(tmp_path)
    assert same(_archive.bundled(repacked(text, rest))(X), both(Bessel)[1](X))


def test_what_has_no_portable_form_is_refused(tmp_path):
    _, compiled = both(Bessel)
    with pytest.raises(tenon.InputError, match="such are saved with weights"):
        tenon.torch.save(compiled, tmp_path / "m.ep", strip=True)
