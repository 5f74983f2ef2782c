"""Programs as they are written for TensorRT, of several ages: the examples, and what they print."""

import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import tenon.trt as trt

ROOT = pathlib.Path(__file__).parents[4]
EXAMPLES = ROOT / "examples" / "tensorrt"
MNIST = ROOT / "tests" / "data" / "mnist"
SHARED = ROOT.parent / "shared" / "data"
BUILD = pathlib.Path(trt.__file__).parents[3]
LEAN = BUILD / "doors" / "tensorrt" / "libtenon_nvinfer_lean.so"


def run_python(*args, cwd, **env):
    command = [sys.executable, "-W", "ignore::DeprecationWarning", *map(str, args)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **env})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def tenon(*args, **options):
    return run_python("-m", "tenon.trt", *args, **options)


def masked(lines):
    return [re.sub(r"\d+", "N", line) for line in lines]


def built(name, *args):
    program = BUILD / "examples" / name
    if not program.exists():
        pytest.skip("needs the build tree")
    done = subprocess.run([program, *args], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("script", ["sample.py", "sample_8x.py", "sample.cpp"])
def test_mnist_is_refitted_by_programs_of_three_ages(script):
    cases = 2000 if script == "sample_8x.py" else 10000  # those that training never saw, and all
    if script.endswith(".cpp"):
        first, before, last, after = built("tensorrt_mnist", MNIST)
    else:
        first, before, last, after = tenon(script, "-d", MNIST, "--last", cases, cwd=EXAMPLES / "mnist")
    assert first == "Accuracy Before Engine Refit"
    assert last == "Accuracy After Engine Refit (expecting 98.0% correct predictions)"
    right = [int(line.split()[1]) for line in (before, after)]
    for line, count in zip((before, after), right, strict=True):
        assert line == f"Got {count} correct predictions out of {cases} ({100 * count / cases:.1f}%)"
    assert right[0] < 0.15 * cases and right[1] >= 0.98 * cases


def trained(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    tensors = {name: each for name, each in json.loads(data[8 : 8 + length]).items() if name != "__metadata__"}
    return {name: np.frombuffer(data[8 + length :][slice(*each["data_offsets"])], np.float32) for name, each in tensors.items()}


def test_a_plan_is_filled_by_the_lean_library_alone(tmp_path):
    flags = [trt.BuilderFlag.STRIP_PLAN, trt.BuilderFlag.REFIT, trt.BuilderFlag.VERSION_COMPATIBLE, trt.BuilderFlag.EXCLUDE_LEAN_RUNTIME]
    logger = trt.Logger(trt.Logger.ERROR)

    def engine(*chosen):
        builder = trt.Builder(logger)
        net, config = builder.create_network(0), builder.create_builder_config()
        assert trt.OnnxParser(net, logger).parse_from_file(str(MNIST / "lenet.onnx"))
        config.builder_optimization_level = 0
        profile = builder.create_optimization_profile()
        profile.set_shape("input", (1, 1, 28, 28), (1, 1, 28, 28), (1, 1, 28, 28))
        config.add_optimization_profile(profile)
        for flag in chosen:
            config.set_flag(flag)
        return bytes(builder.build_serialized_network(net, config))

    def answer(plan, weights=None):
        made = trt.Runtime(logger).deserialize_cuda_engine(plan)
        if weights:
            refitter = trt.Refitter(made, logger)
            assert all(refitter.set_named_weights(name, array) for name, array in weights.items()) and refitter.refit_cuda_engine()
        context, x, y = made.create_execution_context(), np.linspace(0, 1, 784, dtype=np.float32), np.empty(10, np.float32)
        context.set_input_shape("input", (1, 1, 28, 28))
        assert made.refittable and context.execute_v2([x.ctypes.data, y.ctypes.data])
        return y

    stripped, filled = tmp_path / "stripped.plan", tmp_path / "filled.plan"
    stripped.write_bytes(engine(*flags))
    checkpoint = MNIST / "lenet_a.safetensors"
    first, last = built("tensorrt_strip", stripped, checkpoint, filled)
    before, after = (int(word) for word in last.split() if word.isdigit())
    assert first == "8 weights filled" and before * 50 < after
    assert np.array_equal(answer(filled.read_bytes()), answer(engine(trt.BuilderFlag.REFIT), trained(checkpoint)))
    linked = subprocess.run(["ldd", BUILD / "examples" / "tensorrt_strip"], capture_output=True, text=True, check=True).stdout
    assert "libtenon_nvinfer_lean.so" in linked and "libtenon_runtime.so" in linked
    assert "libtenon_nvinfer.so" not in linked and "libtenon.so" not in linked


STEPS = ["stripped, filled, saved full", "filled from ONNX", "marked weights alone"]


def test_the_guide_on_refit_holds_in_python():
    lines = tenon("guide.py", MNIST / "lenet.onnx", *([LEAN] if LEAN.exists() else []), cwd=EXAMPLES / "guide")
    names = "['Conv Layer Bias Weight', 'Conv Layer Kernel Weight', 'fc CONSTANT']"
    said = [line for line in lines if "[TRT]" not in line and "lean" not in line]
    assert said == [names, *STEPS]


def test_the_guide_on_refit_holds_in_cpp():
    steps = built("tensorrt_guide", MNIST / "lenet.onnx", LEAN)
    assert steps == ["refitted", *STEPS[:2], "loaded by the lean runtime", STEPS[2]]


REFITTED = """Refitting engine from {0} weights...
Engine refitted in N.N ms.
Doing inference...
Doing inference...
Refitting engine from {0} weights...
Engine refitted in N.N ms.
Doing inference...
Doing inference...
Passed"""

BUILT = """Loading ONNX file from path bidaf-modified.onnx...
Beginning ONNX file parsing
[N/N/N-N:N:N] [TRT] [W] Make sure input CategoryMapper_N has IntN binding.
[N/N/N-N:N:N] [TRT] [W] Make sure input CategoryMapper_N has IntN binding.
[N/N/N-N:N:N] [TRT] [W] Make sure input CategoryMapper_N has IntN binding.
[N/N/N-N:N:N] [TRT] [W] Make sure input CategoryMapper_N has IntN binding.
Completed parsing of ONNX file
Network inputs:
CategoryMapper_N <class 'numpy.intN'> (-N, N)
CategoryMapper_N <class 'numpy.intN'> (-N, N, N, N)
CategoryMapper_N <class 'numpy.intN'> (-N, N)
CategoryMapper_N <class 'numpy.intN'> (-N, N, N, N)
Building an engine from file bidaf-modified.onnx; this may take a while...
Completed creating Engine"""


@pytest.fixture(scope="module")
def bidaf(tmp_path_factory):
    """A folder with the model whose string inputs are cut off."""
    if not (SHARED / "bidaf").is_dir():
        pytest.skip(f"{SHARED / 'bidaf'} is not here")
    folder = tmp_path_factory.mktemp("bidaf")
    printed = run_python(EXAMPLES / "bidaf" / "prepare_model.py", "-d", SHARED / "bidaf", cwd=folder)
    assert printed == ["Modifying the ONNX model ...", "Modified ONNX model saved as bidaf-modified.onnx", "Done."]
    return folder


def ask(folder, *args, **env):
    return tenon(EXAMPLES / "bidaf" / "build_and_refit_engine.py", *args, cwd=folder, **env)


def test_bidaf_is_built_read_and_refitted(bidaf):
    data = {"TRT_DATA_DIR": str(SHARED / "bidaf")}
    built, refitted = BUILT.splitlines(), [REFITTED.format(place).splitlines() for place in ("GPU", "CPU")]
    assert masked(ask(bidaf, "--weights-location", "GPU", **data)) == built + refitted[0]
    read = ["Reading engine from file bidaf.trt..."]
    assert masked(ask(bidaf, "--weights-location", "GPU", **data)) == read + refitted[0]
    assert masked(ask(bidaf, "--weights-location", "CPU", "-d", SHARED / "bidaf")) == read + refitted[1]
    (bidaf / "bidaf.trt").unlink()
    assert masked(ask(bidaf, "--version-compatible", **data)) == built + refitted[0]
    assert masked(ask(bidaf, "--version-compatible", **data)) == read + refitted[0]


def test_bidaf_answers_its_questions_after_the_refit(bidaf):
    lines = ask(bidaf, "--questions", "-d", SHARED / "bidaf")
    before, after = (int(line.split()[0]) for line in lines if line.endswith("questions answered"))
    assert before < 20 and after == 200


def test_the_data_folder_is_asked_for(tmp_path):
    command = [sys.executable, EXAMPLES / "bidaf" / "prepare_model.py"]
    env = {key: value for key, value in os.environ.items() if key != "TRT_DATA_DIR"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=env)
    assert done.returncode == 2 and "TRT_DATA_DIR" in done.stderr


@pytest.mark.parametrize("model", ["lenet", "super_resolution", "mnist-8"])
def test_the_old_script_answers_as_onnxruntime(model, tmp_path):
    paths = {
        "lenet": MNIST / "lenet.onnx",
        "super_resolution": SHARED / "super_resolution" / "super_resolution.onnx",
        "mnist-8": SHARED / "mnist" / "mnist-8-simplified.onnx",
    }
    if not paths[model].exists():
        pytest.skip(f"{paths[model]} is not here")
    folder = EXAMPLES / "onnx_to_engine"
    lines = tenon("--prelude", folder / "prelude.py", folder / "onnx_to_engine.py", cwd=tmp_path, ONNX_FILE_PATH=str(paths[model]))
    assert lines[0] == "Completed parsing of ONNX file" and lines[-1] == "Completed creating Engine"
    assert re.fullmatch(r"total layers \d+", lines[-2]) and "is an output already" in lines[1]
    session = onnxruntime.InferenceSession(paths[model].read_bytes(), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    x = np.full([extent if isinstance(extent, int) else 1 for extent in given.shape], 0.5, np.float32)
    (want,) = session.run(None, {given.name: x})
    got = np.fromfile(tmp_path / "output.bin", np.float32)
    assert np.linalg.norm(got - want.ravel()) < 1e-4 * np.linalg.norm(want)
