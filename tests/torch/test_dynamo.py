"""torch.compile with Tenon as its backend."""

from __future__ import annotations

import copy
import logging

import pytest
import torch
from models import ZOO, Bert, Mlp, ResNet18, seeded
from torch import nn

import tenon
import tenon.torch
from tenon.torch import _dynamo

X = torch.randn(2, 4)


@pytest.fixture(autouse=True)
def fresh_dynamo():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def graphs(monkeypatch):
    """The graphs that the backend compiles, in order."""
    made = []
    begin = _dynamo._Graph.__init__

    def noted(self, *args):
        begin(self, *args)
        made.append(self)

    monkeypatch.setattr(_dynamo._Graph, "__init__", noted)
    return made


def compiled(module, **options):
    return torch.compile(module, backend=tenon.torch.backend, options={"tactics": "first", **options})


@pytest.mark.parametrize("name", ["resnet18", "bert", "gpt2", "cross_attention"])
def test_answers_as_the_module_under_its_names(close, graphs, name):
    make, args = ZOO[name]
    module = seeded(make)
    with torch.no_grad():
        assert close(compiled(module)(*args), module(*args))
    (graph,) = graphs
    floating = {key for key, value in module.state_dict().items() if value.is_floating_point()}
    tied = {"wte.weight", "lm_head.weight"} if name == "gpt2" else set()
    assert floating - tied <= set(graph.compiled.engines[0].weights)


def refits(module):
    """Ways to give a module other weights."""
    other = seeded(Mlp, 1).state_dict()
    yield lambda: module.load_state_dict(other)
    yield lambda: module.load_state_dict(copy.deepcopy(seeded(Mlp, 2).state_dict()), assign=True)
    yield lambda: setattr(module.fc1, "weight", nn.Parameter(torch.randn(8, 4)))
    yield lambda: setattr(module.fc1.weight, "data", torch.randn(8, 4))
    yield lambda: module.fc2.bias.add_(1)


def test_new_weights_are_a_refit_and_no_compile(close, graphs):
    module = seeded(Mlp)
    run = compiled(module)
    with torch.no_grad():
        run(X)
        for change in refits(module):
            change()
            assert close(run(X), module(X))
    assert len(graphs) == 1


def test_two_modules_of_one_class_alternate_for_free(close, graphs, monkeypatch):
    a, b = seeded(Mlp), seeded(Mlp, 1)
    run_a, run_b = compiled(a), compiled(b)
    with torch.no_grad():
        run_a(X), run_b(X)

        def none(*_):
            raise AssertionError("a refit, though nothing changed")

        monkeypatch.setattr(_dynamo._Graph, "_refitted", none)
        for _ in range(3):
            assert close(run_a(X), a(X)) and close(run_b(X), b(X))


def test_a_dynamic_batch_compiles_twice(close, graphs):
    module = seeded(ResNet18)
    run = compiled(module)
    with torch.no_grad():
        for batch in (2, 3, 4, 5):
            x = torch.randn(batch, 3, 32, 32)
            assert close(run(x), module(x))
    assert len(graphs) == 2


def test_a_graph_break_makes_two_engines(close, graphs):
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = Mlp(4, 8, 4), Mlp(4, 8, 3)

        def forward(self, x):
            y = self.a(x)
            torch._dynamo.graph_break()
            return self.b(y)

    module = seeded(Broken)
    with torch.no_grad():
        assert close(compiled(module)(X), module(X))
    assert len(graphs) == 2


def test_training_runs_in_torch_and_says_so_once(graphs, caplog, monkeypatch):
    monkeypatch.setattr(_dynamo, "_said_training", False)
    module = seeded(Mlp)
    run = compiled(module)
    with caplog.at_level(logging.WARNING, "tenon"):
        run(X).sum().backward()
        torch._dynamo.reset()
        run(X).sum().backward()
    assert module.fc1.weight.grad is not None and not graphs
    assert [record.name for record in caplog.records].count("tenon") == 1


def test_an_unknown_option_is_named():
    with torch.no_grad(), pytest.raises(Exception, match='there is no option "tactic"; there are refit, '):
        torch.compile(seeded(Mlp), backend=tenon.torch.backend, options={"tactic": "first"})(X)


def test_dynamic_lengths_of_bert(close, graphs):
    module = seeded(Bert)
    run = compiled(module, fallback="error")
    with torch.no_grad():
        for length in (7, 9, 11):
            ids = torch.randint(100, (2, length))
            assert close(run(ids), module(ids))
    assert len(graphs) == 2


def test_a_graph_that_cannot_be_compiled_runs_in_torch_and_says_why(graphs, caplog):
    class Constant(nn.Module):
        def forward(self, count: int):
            return torch.arange(count) * 2

    with caplog.at_level(logging.WARNING, "tenon"), torch.no_grad():
        assert torch.equal(compiled(Constant())(3), torch.tensor([0, 2, 4]))
    assert not graphs
    assert [r.getMessage() for r in caplog.records if r.name == "tenon"] == [
        "a graph runs in torch: a graph without tensor inputs is a constant; leave it to torch"
    ]
