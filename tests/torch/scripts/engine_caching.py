"""Caches of engines in the manner of the tutorials: a custom one, and torch.compile's backend."""

import os

import torch
import torch_tensorrt as torch_trt
import torchvision.models as models
from torch_tensorrt.dynamo._defaults import TIMING_CACHE_PATH
from torch_tensorrt.dynamo._engine_cache import BaseEngineCache


class RAMEngineCache(BaseEngineCache):
    def __init__(self) -> None:
        self.engine_cache = {}
        self.hits = 0

    def save(self, hash, blob):
        self.engine_cache[hash] = blob

    def load(self, hash):
        found = self.engine_cache.get(hash)
        self.hits += found is not None
        return found


def remove_timing_cache(path=TIMING_CACHE_PATH):
    if os.path.exists(path):
        os.remove(path)


start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
cache = RAMEngineCache()
inputs = [torch.rand((2, 3, 64, 64)).to("cuda")]
for pretrained in (False, True):
    remove_timing_cache()
    model = models.resnet18(pretrained=pretrained).eval().to("cuda")
    torch.cuda.synchronize()
    start.record()
    compiled = torch_trt.dynamo.compile(
        torch.export.export(model, tuple(inputs)),
        tuple(inputs),
        enabled_precisions={torch.float},
        debug=False,
        min_block_size=1,
        immutable_weights=False,
        cache_built_engines=True,
        reuse_cached_engines=True,
        engine_cache_size=1 << 30,
        custom_engine_cache=cache,
    )
    end.record()
    torch.cuda.synchronize()
    assert start.elapsed_time(end) > 0
    with torch.no_grad():
        assert torch.allclose(compiled(*inputs), model(*inputs), 1e-2, 1e-2)
assert len(cache.engine_cache) == 1 and cache.hits == 1

model = models.resnet18(pretrained=True).eval().to("cuda")
fast = torch.compile(
    model,
    backend="tensorrt",
    options={"use_python_runtime": True, "enabled_precisions": {torch.float}, "min_block_size": 1,
             "immutable_weights": False, "cache_built_engines": False, "reuse_cached_engines": False},
)
with torch.no_grad():
    assert torch.allclose(fast(*inputs), model(*inputs), 1e-2, 1e-2)
print("done")
