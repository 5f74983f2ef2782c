"""Parameters that cannot be weights of an engine: refused by name when compiled, and when they come in a refit."""

from __future__ import annotations

import pytest
import torch
from models import Mlp, seeded
from torch import nn

import tenon
import tenon.torch

X = torch.randn(2, 4)


@pytest.fixture
def distributed():
    """A DTensor's world of one process."""
    dist = pytest.importorskip("torch.distributed")
    if not dist.is_available():
        pytest.skip("this torch is built without distributed")
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield lambda tensor: torch.distributed.tensor.distribute_tensor(
        tensor, torch.distributed.device_mesh.init_device_mesh("cpu", (1,))
    )
    dist.destroy_process_group()


KINDS = {
    "sparse": (lambda t: t.to_sparse(), r'"fc1.weight" is sparse \(sparse_coo\); make it dense'),
    "meta": (lambda t: t.to("meta"), '"fc1.weight" is on the meta device'),
    "quantised": (
        lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8),
        '"fc1.weight" is quantised; dequantize',
    ),
}


def refused(made, message):
    """In a module, and in a mapping for a module that is compiled."""
    module = seeded(Mlp)
    compiled = tenon.torch.compile(module, (X,), tactics="first")
    before = compiled(X)
    with pytest.raises(tenon.RefitError, match=message):
        compiled.refit({"fc1.weight": made})
    assert torch.equal(compiled(X), before)
    del module.fc1.weight
    if made.is_quantized:
        module.fc1.register_buffer("weight", made)
    else:
        module.fc1.weight = nn.Parameter(made, requires_grad=False)
    with pytest.raises(tenon.BuildError, match=message):
        tenon.torch.compile(module, (X,), tactics="first")


@pytest.mark.parametrize("kind", KINDS)
def test_such_a_parameter_is_refused(kind):
    make, message = KINDS[kind]
    refused(make(seeded(Mlp).fc1.weight.detach()), message)


def test_a_dtensor_is_refused(distributed):
    refused(distributed(seeded(Mlp).fc1.weight.detach()), '"fc1.weight" is a DTensor; gather it')
