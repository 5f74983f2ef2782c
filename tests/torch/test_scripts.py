"""Scripts for torch_tensorrt: with their imports changed, and untouched under `python -m tenon.trt --cuda=host`."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
SCRIPTS = HERE / "scripts"


def run(*command, cwd):
    """Standard output of a Python process that finds the stand-in for torchvision."""
    path = os.pathsep.join([str(SCRIPTS / "standins"), str(HERE), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_refit_example_with_its_imports_and_device_changed(tmp_path):
    text = (SCRIPTS / "refit_engine.py").read_text()
    for old, new in (("torch_tensorrt as", "tenon.torch as"), ("torch_tensorrt.", "tenon.torch."), ('"cuda"', '"cpu"')):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "script.py").write_text(text)
    assert run("script.py", cwd=tmp_path) == "Refit successfully!\n"


def test_the_refit_example_untouched(tmp_path):
    out = run("-m", "tenon.trt", "--cuda=host", SCRIPTS / "refit_engine.py", cwd=tmp_path)
    assert out == "Refit successfully!\n"


@pytest.mark.parametrize("name", ["present_refit", "mutable_module", "engine_caching", "dynamic_shapes"])
def test_the_manner_of_tutorials(tmp_path, name):
    assert run("-m", "tenon.trt", "--cuda=host", SCRIPTS / f"{name}.py", cwd=tmp_path) == "done\n"


HOST = """
import threading, torch
assert not torch.cuda.is_available()
found = []
def tensors():
    found.append(torch.rand(2, device="cuda"))
    found.append(torch.zeros(2).to("cuda", torch.float64))
    found.append(torch.zeros(2).to(device=torch.device("cuda", 0)))
    found.append(torch.zeros(2).cuda())
    found.append(torch.tensor([1.0], device="cuda:0"))
    found.extend(torch.nn.Linear(2, 2).to("cuda").parameters())
    found.extend(torch.nn.Linear(2, 2, device="cuda").cuda().parameters())
tensors()
thread = threading.Thread(target=tensors)
thread.start()
thread.join()
assert len(found) == 18, len(found)
assert all(each.device.type == "cpu" for each in found)
stream, start, end = torch.cuda.Stream(), torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
with torch.cuda.stream(stream), torch.cuda.device(0):
    start.record()
    torch.cuda.current_stream().wait_stream(stream)
    end.record(stream)
torch.cuda.synchronize()
assert start.elapsed_time(end) >= 0 and stream.cuda_stream == 0
torch.save({"a": torch.ones(1)}, "a.pt")
assert torch.load("a.pt", map_location="cuda")["a"].device.type == "cpu"
print("done")
"""


def test_cuda_means_the_cpu_in_every_thread(tmp_path):
    (tmp_path / "script.py").write_text(HOST)
    assert run("-m", "tenon.trt", "--cuda=host", "script.py", cwd=tmp_path) == "done\n"


def test_without_the_option_cuda_is_torch_s_own(tmp_path):
    (tmp_path / "script.py").write_text("import torch_tensorrt, torch; print(torch.cuda.synchronize.__module__)")
    assert run("-m", "tenon.trt", "script.py", cwd=tmp_path) == "torch.cuda\n"
