"""Measures Tenon on a GPU beside torch, in one process: `./run bench --device cuda`.

Inputs and outputs stay on the device. In f32 torch runs without tf32; in tf32 and fp16 channels last, which is faster
there. Needs torch and torchvision.
"""

import copy
import json
import tempfile
import time

import numpy as np
import torch
import torchvision

import tenon

CASES = [("resnet18", 1), ("resnet18", 32), ("resnet50", 1), ("resnet50", 32)]
PRECISIONS = ["fp16", "tf32", "model"]


def seconds(work, runs=60):
    for _ in range(10):
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


def allow_tf32(allowed):
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def peer_of(model, x, precision):
    """torch's own best way at this precision: eager, compiled, and what they take."""
    peer = copy.deepcopy(model).cuda()
    if precision == "fp16":
        peer, x = peer.half(), x.half()
    if precision != "model":
        peer, x = peer.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    return peer, torch.compile(peer, mode="reduce-overhead"), x


def measure(name, batch, precision, device):
    torch.manual_seed(0)
    model = getattr(torchvision.models, name)().eval()
    x = torch.randn(batch, 3, 224, 224, device=device)
    start = time.perf_counter()
    engine = tenon.build(exported(model, x.shape), device=device, precision=precision)
    build = time.perf_counter() - start
    run = lambda: engine.run({"x": x}, device_outputs=True)
    with torch.no_grad():
        allow_tf32(False)
        want = copy.deepcopy(model).to(device)(x).cpu().numpy()
        allow_tf32(precision == "tf32")
        y = torch.from_dlpack(run()["y"]).float().cpu().numpy()
        peer, compiled, given = peer_of(model, x, precision)
        row = {
            "model": name,
            "batch": batch,
            "precision": precision,
            "card": torch.cuda.get_device_name(),
            "build_seconds": build,
            "error": float(np.linalg.norm(y - want) / np.linalg.norm(want)),
            "seconds": seconds(run),
            "torch_seconds": seconds(lambda: peer(given)),
            "compiled_seconds": seconds(lambda: compiled(given)),
        }
    weights = {k: v.numpy() for k, v in model.state_dict().items() if v.dtype == torch.float32}
    row["refit_seconds"] = seconds(lambda: engine.refit(weights), runs=10)
    row["load_state_dict_seconds"] = seconds(lambda: peer.load_state_dict(model.state_dict()), runs=10)
    return row


def main(device):
    """Prints one line of JSON for each model, batch and precision."""
    for name, batch in CASES:
        for precision in PRECISIONS:
            print(json.dumps(measure(name, batch, precision, device)), flush=True)
