"""A program for TensorRT under mypy's strict mode."""

import os
import pathlib
import subprocess
import sys

import pytest
import tenon.trt as trt

PACKAGE = pathlib.Path(trt.__file__).parents[2]

PROGRAM = """
import tenon.trt as trt

logger = trt.Logger(trt.Logger.WARNING)
builder = trt.Builder(logger)
network = builder.create_network(flags=1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))
x: trt.ITensor = network.add_input(name="x", dtype=trt.float32, shape=(1, 2, 6, 6))
pool = network.add_pooling_nd(input=x, type=trt.PoolingType.MAX, window_size=(2, 2))
pool.stride_nd = trt.Dims2(2, 2)
network.mark_output(pool.get_output(0))
config = builder.create_builder_config()
config.set_flag(trt.BuilderFlag.REFIT)
plan = builder.build_serialized_network(network, config)
assert plan is not None
engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
assert engine is not None
size: int = trt.volume(engine.get_tensor_shape("x")) * trt.nptype(engine.get_tensor_dtype("x"))(0).itemsize
context = engine.create_execution_context()
done: bool = context.execute_async_v3(stream_handle=0)
refitter = trt.Refitter(engine, logger)
names: list[str] = refitter.get_missing_weights()
"""

WRONG = """
builder.create_network(flog=0)
config.set_flag(3.5)
length: str = engine.num_layers
"""


def test_a_program_is_typed_and_a_wrong_one_found(tmp_path):
    pytest.importorskip("mypy")
    if not (PACKAGE / "tenon" / "_trt.pyi").exists():
        pytest.skip("the stub is not built")
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "wrong.py").write_text(PROGRAM + WRONG)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "program.py", "wrong.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "MYPYPATH": str(PACKAGE)})
    errors = [line for line in done.stdout.splitlines() if "error:" in line]
    assert len(errors) == 3 and all(line.startswith("wrong.py") for line in errors), done.stdout
