"""Measures Tenon on a GPU beside torch, in one process: `./run bench --device cuda`.

Both get a host array and give one; both run in f32 without tf32. Needs torch and torchvision.
"""

import copy
import json
import tempfile
import time

import numpy as np
import torch
import torchvision

import tenon

torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False


def seconds(work, runs=30):
    for _ in range(5):
        work()
    taken = []
    for _ in range(runs):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def exported(model, shape):
    file = tempfile.NamedTemporaryFile(suffix=".onnx", delete=False)
    torch.onnx.export(model, (torch.zeros(shape),), file.name, dynamo=False, input_names=["x"],
                      output_names=["y"], do_constant_folding=False,
                      training=torch.onnx.TrainingMode.PRESERVE)
    return file.name


def measure(name, batch, device):
    torch.manual_seed(0)
    model = getattr(torchvision.models, name)().eval()
    x = np.random.default_rng(0).standard_normal((batch, 3, 224, 224), dtype=np.float32)
    start = time.perf_counter()
    engine = tenon.build(exported(model, x.shape), device=device)
    build = time.perf_counter() - start
    ours = engine(x)
    y = np.asarray(next(iter(ours.values())) if isinstance(ours, dict) else ours)
    peer = copy.deepcopy(model).cuda()
    with torch.no_grad():
        want = peer(torch.from_numpy(x).cuda()).cpu().numpy()
        compiled = torch.compile(peer, mode="reduce-overhead")
        row = {
            "model": name,
            "batch": batch,
            "card": torch.cuda.get_device_name(),
            "build_seconds": build,
            "error": float(np.linalg.norm(y - want) / np.linalg.norm(want)),
            "seconds": seconds(lambda: engine(x)),
            "torch_seconds": seconds(lambda: peer(torch.from_numpy(x).cuda()).cpu()),
            "compiled_seconds": seconds(lambda: compiled(torch.from_numpy(x).cuda()).cpu()),
        }
    weights = {k: v.numpy() for k, v in model.state_dict().items() if v.dtype == torch.float32}
    row["refit_seconds"] = seconds(lambda: engine.refit(weights), runs=10)
    row["load_state_dict_seconds"] = seconds(lambda: peer.load_state_dict(model.state_dict()), runs=10)
    return row


def main(device):
    """Prints one line of JSON a model."""
    for name, batch in [("resnet18", 1), ("resnet18", 32), ("resnet50", 1)]:
        print(json.dumps(measure(name, batch, device)), flush=True)
