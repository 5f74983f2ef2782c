"""The command line tool: every command's answer, its errors and exit statuses, Ctrl-C."""

import json
import os
import pty
import resource
import select
import signal
import subprocess
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy
import onnx
import onnxruntime
import pytest
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).parent.parent.parent
CLI = os.environ.get("TENON_CLI", str(ROOT / "build/dev/tools/tenon"))
DEVICE = os.environ.get("TENON_TEST_DEVICE", "cpu")
MNIST = ROOT / "tests/data/mnist"
LENET, LENET_A = MNIST / "lenet.onnx", MNIST / "lenet_a.safetensors"


def start(*arguments, **options):
    return subprocess.run(
        [CLI, *map(str, arguments)], capture_output=True, text=True, timeout=120, **options
    )


def tenon(*arguments) -> str:
    """What a command prints; it succeeds and does not complain."""
    done = start(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def answer(*arguments) -> dict:
    return json.loads(tenon(*arguments, "--json"))


def refused(*arguments) -> list[str]:
    """The lines of a user's error."""
    done = start(*arguments)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines and all(line.startswith("tenon: ") for line in lines)
    return [line.removeprefix("tenon: ") for line in lines]


def reference(images: numpy.ndarray, weights: dict | None = None) -> numpy.ndarray:
    """LeNet's output by onnxruntime, with other weights where given."""
    model = onnx.load(LENET)
    for initializer in model.graph.initializer:
        if weights:
            initializer.CopyFrom(onnx.numpy_helper.from_array(weights[initializer.name], initializer.name))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"input": images})[0]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENON_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def plan(cache, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "lenet.plan"
    tenon("build", LENET, "-o", path, "--device", DEVICE, "--tactics", "first")
    return path


@pytest.fixture(scope="module")
def images() -> numpy.ndarray:
    return numpy.random.default_rng(7).random((3, 1, 28, 28), dtype=numpy.float32)


@pytest.fixture
def run_lenet(images, tmp_path):
    """Runs a model or plan on the images."""

    def run(file: Path) -> numpy.ndarray:
        numpy.savez(tmp_path / "in.npz", input=images)
        tenon("run", file, "--inputs", tmp_path / "in.npz", "--outputs", tmp_path / "out.npz")
        with numpy.load(tmp_path / "out.npz") as outputs:
            assert outputs.files == ["output"]
            return outputs["output"]

    return run


def close(got: numpy.ndarray, want: numpy.ndarray) -> bool:
    return got.dtype == want.dtype and numpy.linalg.norm(got - want) <= 1e-5 * numpy.linalg.norm(want)


# --- what each command does


def test_a_plan_runs_as_onnxruntime_does(plan, run_lenet, images):
    assert close(run_lenet(plan), reference(images))


def test_a_model_runs_without_a_plan(run_lenet, images):
    assert close(run_lenet(LENET), reference(images))


def test_build_reports_the_plan(tmp_path):
    path = tmp_path / "lenet.plan"
    built = answer("build", LENET, "-o", path, "--device", DEVICE, "--threads", 1)
    assert built["bytes"] == path.stat().st_size
    assert (built["weights"], built["device"]) == (8, DEVICE)
    assert built["inputs"] == [{"name": "input", "dtype": "f32", "shape": ["n", "1", "28", "28"]}]
    assert set(load_file(path)) == {i.name for i in onnx.load(LENET).graph.initializer}


def test_builds_with_first_tactics_are_equal_bytes(plan, tmp_path):
    tenon("build", LENET, "-o", tmp_path / "again.plan", "--device", DEVICE, "--tactics", "first")
    assert (tmp_path / "again.plan").read_bytes() == plan.read_bytes()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("2x1x28x28", ["2", "10"]),
        ("2,1,28,28", ["2", "10"]),
        ("batchx1x28x28", ["batch", "10"]),
        ("max_batch,1,28,28", ["max_batch", "10"]),
        ("1..4..16x1x28x28", ["n", "10"]),
    ],
)
def test_build_fixes_names_and_bounds_extents(tmp_path, shape, expected):
    built = answer(
        "build", LENET, "-o", tmp_path / "a.plan", "--tactics", "first", "--shape", f"input={shape}"
    )
    assert built["outputs"][0]["shape"] == expected


def test_a_bounded_extent_holds_its_bounds(tmp_path):
    path = tmp_path / "a.plan"
    shape = "input=1..4..16x1x28x28"
    tenon("build", LENET, "-o", path, "--device", DEVICE, "--tactics", "first", "--shape", shape)
    assert answer("run", path, "--shape", "input=16x1x28x28")["outputs"]["output"]["shape"] == [16, 10]
    assert "17" in refused("run", path, "--shape", "input=17x1x28x28")[0]


def test_refit_names_choose_the_weights(tmp_path):
    path = tmp_path / "a.plan"
    built = answer("build", LENET, "-o", path, "--refit", "fc2.weight,fc2.bias", "--device", DEVICE)
    assert built["weights"] == 2
    inspected = answer("inspect", path, "--weights")
    assert [weight["name"] for weight in inspected["weights"]] == ["fc2.bias", "fc2.weight"]
    assert len(inspected["constants"]) == 6


def test_a_frozen_plan_refuses_other_weights(tmp_path):
    path = tmp_path / "a.plan"
    assert answer("build", LENET, "-o", path, "--refit", "none", "--device", DEVICE)["weights"] == 0
    lines = refused("refit", path, LENET_A, "--dry-run")
    assert len(lines) == 8 and all("frozen" in line for line in lines)


def test_passes_can_be_left_out(tmp_path, run_lenet, images):
    path = tmp_path / "a.plan"
    passes = "epilogue,bias"
    tenon("build", LENET, "-o", path, "--without", passes, "--device", DEVICE, "--tactics", "first")
    assert close(run_lenet(path), reference(images))
    ops = [layer["op"] for layer in answer("inspect", path, "--layers")["layers"]]
    assert "pointwise" in ops  # the ReLU stands alone


def test_refitted_plan_runs_with_the_new_weights(plan, tmp_path, run_lenet, images):
    path = tmp_path / "a.plan"
    report = answer("refit", plan, LENET_A, "-o", path)
    assert report["changed"] == sorted(load_file(LENET_A))
    assert report["plan"] == str(path)
    assert close(run_lenet(path), reference(images, load_file(LENET_A)))


def test_dry_run_and_time_write_nothing(plan, tmp_path):
    before = plan.read_bytes()
    report = answer("refit", plan, LENET_A, "--dry-run", "--time")
    assert report["plan"] is None
    assert 0 < report["steady_seconds"] < 10
    assert plan.read_bytes() == before


def test_refit_takes_an_npz_of_some_weights(plan, tmp_path, run_lenet, images):
    weights = {i.name: onnx.numpy_helper.to_array(i) for i in onnx.load(LENET).graph.initializer}
    weights["fc2.bias"] = numpy.arange(10, dtype=numpy.float32)
    numpy.savez(tmp_path / "w.npz", **{"fc2.bias": weights["fc2.bias"]})
    tenon("refit", plan, tmp_path / "w.npz", "-o", tmp_path / "a.plan")
    assert close(run_lenet(tmp_path / "a.plan"), reference(images, weights))


def test_stripped_plan_holds_no_weight_and_fills_again(plan, tmp_path, run_lenet):
    stripped, filled = tmp_path / "s.plan", tmp_path / "f.plan"
    report = answer("strip", plan, "-o", stripped)
    assert (report["bytes_before"], report["bytes"]) == (plan.stat().st_size, stripped.stat().st_size)
    assert load_file(stripped) == {}
    content = stripped.read_bytes()
    for array in load_file(plan).values():
        assert array.tobytes() not in content
    told = answer("inspect", stripped, "--weights")
    assert not told["ready"]
    digests = [weight["digest"] for weight in answer("inspect", plan, "--weights")["weights"]]
    assert [weight["digest"] for weight in told["weights"]] == digests and all(digests)
    assert "no weights" in refused("run", stripped)[0]
    tenon("refit", stripped, plan, "-o", filled)
    numpy.testing.assert_array_equal(run_lenet(filled), run_lenet(plan))


def test_build_strips_at_once(tmp_path):
    tenon("build", LENET, "-o", tmp_path / "s.plan", "--strip", "--device", DEVICE)
    assert load_file(tmp_path / "s.plan") == {}


def test_a_model_whose_weights_are_nowhere_builds_on_request_and_fills_later(tmp_path, run_lenet, images):
    model, hollow, filled = (tmp_path / name for name in ("m.onnx", "h.plan", "f.plan"))
    onnx.save(onnx.load(LENET), model, save_as_external_data=True, location="m.bin", size_threshold=0)
    (tmp_path / "m.bin").unlink()
    assert "--no-weights" in refused("build", model, "-o", hollow)[0]
    told = answer("build", model, "-o", hollow, "--no-weights", "--device", DEVICE)
    assert told["stripped"] and told["weights"] == 8 and load_file(hollow) == {}
    tenon("refit", hollow, LENET_A, "-o", filled)
    assert close(run_lenet(filled), reference(images, load_file(LENET_A)))


def test_identical_plan_takes_only_its_own_weights(tmp_path):
    path = tmp_path / "a.plan"
    tenon("build", LENET, "-o", path, "--identical", "--device", DEVICE, "--tactics", "first")
    lines = refused("refit", path, LENET_A, "--dry-run")
    assert len(lines) == 8
    tenon("refit", path, LENET, "--dry-run")


def test_inspect_lists_weights_as_the_model_has_them(plan):
    expected = {i.name: list(i.dims) for i in onnx.load(LENET).graph.initializer}
    for file in (plan, LENET, LENET_A):
        inspected = answer("inspect", file, "--weights")
        assert {w["name"]: w["shape"] for w in inspected["weights"]} == expected
        assert inspected["weight_bytes"] == sum(4 * int(numpy.prod(s)) for s in expected.values())


def test_inspect_tells_kinds_apart_by_content(plan, tmp_path):
    kinds = {"model": LENET, "plan": plan, "weights": LENET_A}
    for number, (kind, file) in enumerate(kinds.items()):
        (tmp_path / str(number)).write_bytes(file.read_bytes())
        assert answer("inspect", tmp_path / str(number))["kind"] == kind


def test_inspect_shows_layers_and_explains_kernels(plan):
    inspected = answer("inspect", plan, "--layers", "--explain")
    layers = inspected["layers"]
    assert len(layers) == inspected["layer_count"]
    assert [layer["op"] for layer in layers if layer["op"] in ("conv", "max_pool", "matmul")] == [
        "conv", "max_pool", "conv", "max_pool", "matmul", "matmul"
    ]  # fmt: skip
    assert layers[-1]["output"] == "f32[n, 10]"
    for layer in layers:
        if layer["op"] != "reorder":
            assert f"* {layer['kernel']}" in inspected["explain"]
            assert layer["name"] in inspected["explain"]
    assert [view["op"] for view in inspected["views"]] == ["reshape"]
    assert "a view, which moves nothing" in inspected["explain"]


def test_random_inputs_follow_the_seed(plan):
    def values(*options):
        return answer("run", plan, *options)["outputs"]["output"]["values"]

    assert values("--seed", 1) == values("--seed", 1) != values("--seed", 2)
    assert values() == values("--seed", 0)


def test_run_prints_values(plan, tmp_path, images):
    numpy.savez(tmp_path / "in.npz", input=images)
    output = answer("run", plan, "--inputs", tmp_path / "in.npz")["outputs"]["output"]
    assert (output["dtype"], output["shape"]) == ("f32", [3, 10])
    assert close(numpy.array(output["values"], "f4").reshape(3, 10), reference(images))


def test_inputs_may_stand_in_safetensors(plan, tmp_path, images):
    save_file({"input": images}, tmp_path / "in.safetensors")
    output = answer("run", plan, "--inputs", tmp_path / "in.safetensors")["outputs"]["output"]
    assert output["shape"] == [3, 10]


def test_bench_plots_layers_under_the_machines_roof(tmp_path):
    nodes = [onnx.helper.make_node("MatMul", ["x", "w"], ["p"]), onnx.helper.make_node("Exp", ["p"], ["y"])]
    value = onnx.helper.make_tensor_value_info
    weight = onnx.numpy_helper.from_array(numpy.ones((16, 4), "f4"), "w")
    graph = onnx.helper.make_graph(nodes, "g", [value("x", 1, [8, 16])], [value("y", 1, [8, 4])], [weight])
    onnx.save(onnx.helper.make_model(graph, ir_version=9, opset_imports=[onnx.helper.make_opsetid("", 17)]),
              tmp_path / "m.onnx")
    tenon("build", tmp_path / "m.onnx", "-o", tmp_path / "m.plan", "--without", "epilogue")
    made = answer("bench", tmp_path / "m.plan", "--seconds", "0.02", "--plot", tmp_path / "m.svg")
    operations = {layer["op"]: layer["operations"] for layer in made["layers"]}
    assert operations["matmul"] == 2 * 8 * 16 * 4 and operations["pointwise"] == 8 * 4
    assert made["peak"]["operations_per_second"] > 1e8 and made["peak"]["bytes_per_second"] > 1e8
    svg = ElementTree.parse(tmp_path / "m.svg").getroot()
    assert len(svg.findall("{http://www.w3.org/2000/svg}circle")) == 2


def test_bench_measures_runs_layers_and_refits(plan):
    options = ("--shape", "input=2x1x28x28", "--seconds", "0.05", "--layers", "--refit", LENET_A)
    measured = answer("bench", plan, *options)
    assert measured["inputs"] == {"input": [2, 1, 28, 28]}
    run = measured["run"]["seconds"]
    assert run["count"] >= 10 and 0 < run["min"] <= run["median"] <= run["p90"]
    layers = answer("inspect", plan, "--layers")["layers"]
    measures = {"seconds", "bytes", "operations"}
    assert [{k: v for k, v in layer.items() if k not in measures} for layer in measured["layers"]] == layers
    assert all(layer["bytes"] > 0 for layer in measured["layers"])
    moving = [layer["bytes"] for layer in measured["layers"] if layer["op"] in ("reorder", "reshape")]
    assert measured["moved_bytes"] == sum(moving)
    assert all(layer["seconds"] >= 0 for layer in measured["layers"])
    assert sum(layer["seconds"] for layer in measured["layers"]) > 0
    assert measured["refit"]["seconds"]["median"] > 0 and measured["refit"]["bytes"] > 0


def test_doctor_reads_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TENON_THREADS", "3")
    monkeypatch.setenv("TENON_CPU_FEATURES", "reference")
    monkeypatch.setenv("TENON_CACHE_DIR", str(tmp_path / "new"))
    found = answer("doctor")
    assert (found["threads"], found["cache_folder"]) == (3, str(tmp_path / "new"))
    assert found["cache_writable"]
    assert found["devices"][0]["name"] == "cpu" and found["devices"][0]["features"] == []
    assert found["version"] in start("--version").stdout


def test_every_command_has_text_and_help(plan, tmp_path):
    for command in ("build", "run", "refit", "strip", "inspect", "bench", "doctor"):
        help_text = tenon(command, "--help")
        assert "--json" in help_text and f"tenon {command}" in help_text
    for line in ("conv1.bias", "max_pool", "* "):
        assert line in tenon("inspect", plan, "--weights", "--layers", "--explain")
    assert "8 refittable weights of 1.7 MB" in tenon("inspect", plan)
    assert "f32[1, 10]" in tenon("run", plan)
    assert "8 weights changed" in tenon("refit", plan, LENET_A, "-o", tmp_path / "a.plan")
    assert "8 weights left out" in tenon("strip", plan, "-o", tmp_path / "s.plan")
    assert "median" in tenon("bench", plan, "--seconds", "0.01", "--layers", "--refit", LENET_A)
    assert "8 arrays of 1.7 MB" in tenon("inspect", LENET_A)
    assert "device" in tenon("doctor")


# --- errors


def test_refit_prints_each_problem_on_a_line(plan, tmp_path):
    arrays = load_file(LENET_A)
    wrong = {"conv1.weigth": arrays["conv1.weight"], "conv1.bias": arrays["conv2.bias"]}
    wrong["fc2.bias"] = numpy.arange(10)
    save_file(wrong, tmp_path / "wrong.safetensors")
    out = tmp_path / "a.plan"
    lines = refused("refit", plan, tmp_path / "wrong.safetensors", "-o", out)
    assert len(lines) == 3 and not out.exists()
    assert any('the nearest is "conv1.weight"' in line for line in lines)
    assert any("[50]" in line and "[20]" in line for line in lines)
    done = start("refit", plan, tmp_path / "wrong.safetensors", "-o", out, "--json")
    assert json.loads(done.stdout) == {"error": {"code": "refit", "problems": lines}}


def test_strict_refuses_what_is_otherwise_ignored(plan, tmp_path):
    arrays = {**load_file(LENET_A), "bn.num_batches_tracked": numpy.array([3])}
    save_file(arrays, tmp_path / "w.safetensors")
    report = answer("refit", plan, tmp_path / "w.safetensors", "--dry-run")
    assert report["ignored"] == {"bn.num_batches_tracked": "not in this engine, and i64"}
    lines = refused("refit", plan, tmp_path / "w.safetensors", "--dry-run", "--strict")
    assert len(lines) == 1 and "num_batches_tracked" in lines[0]


def test_outputs_are_written_as_their_name_says(plan, images, run_lenet, tmp_path):
    want = run_lenet(plan)
    tenon("run", plan, "--inputs", tmp_path / "in.npz", "--outputs", tmp_path / "out.safetensors")
    got = load_file(tmp_path / "out.safetensors")
    assert list(got) == ["output"] and numpy.array_equal(got["output"], want)


USER_ERRORS = [
    (["run", "nowhere.onnx"], "nowhere.onnx"),
    (["inspect", "nowhere.plan"], "nowhere.plan"),
    (["run", LENET_A], "not a plan"),
    (["strip", LENET_A, "-o", "x.plan"], "not a plan"),
    (["inspect", LENET_A, "--layers"], "weights only"),
    (["build", LENET_A, "-o", "x.plan"], "lenet_a.safetensors"),
    (["build", LENET, "-o", "x.plan", "--device", "cuda:9"], 'device "cuda:9"'),
    (["build", LENET, "-o", "x.plan", "--refit", "fc9.weight"], "fc9.weight"),
    (["build", LENET, "-o", "x.plan", "--shape", "x=1x1x28x28"], '"x"'),
    (["build", LENET, "-o", "x.plan", "--shape", "input=1x3x28x28"], "axis 1"),
    (["build", LENET, "-o", "no/folder/x.plan"], "folder does not exist"),
    (["run", LENET, "--outputs", "no/folder/x.npz"], "folder does not exist"),
    (["run", LENET, "--inputs", LENET_A], "input"),
    (["refit", LENET, LENET_A, "--dry-run"], "lenet.onnx"),
]


@pytest.mark.parametrize(("arguments", "part"), USER_ERRORS)
def test_a_users_error_is_one_clear_line(arguments, part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = refused(*arguments)
    assert len(lines) == 1 and part in lines[0]
    assert list(tmp_path.iterdir()) == []


USAGE_ERRORS = [
    [],
    ["compile"],
    ["build", LENET],
    ["build", "-o", "x.plan"],
    ["build", LENET, "-o", "x.plan", "--tactics", "best"],
    ["build", LENET, "-o", "x.plan", "--without", "everything"],
    ["build", LENET, "-o", "x.plan", "--shape", "1x1x28x28"],
    ["build", LENET, "-o", "x.plan", "--shape", "input=1x-1x28x28"],
    ["build", LENET, "-o", "x.plan", "--shape", "input=1..2x1x28x28"],
    ["build", LENET, "-o", "x.plan", "--threads", "0"],
    ["run", LENET, "--inputs", "in.npz", "--seed", "1"],
    ["run", LENET, "--outputs", "out.txt"],
    ["refit", LENET, LENET_A],
    ["refit", LENET, LENET_A, "-o", "x.plan", "--dry-run"],
    ["bench", LENET, "--seconds", "-1"],
    ["doctor", "--fix"],
]


@pytest.mark.parametrize("arguments", USAGE_ERRORS)
def test_wrong_usage_exits_with_2(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = start(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tenon: ")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_build_leaves_the_old_plan(tmp_path):
    path = tmp_path / "x.plan"
    path.write_text("old")
    refused("build", LENET, "-o", path, "--refit", "no.such.weight")
    assert path.read_text() == "old"


def test_a_full_disk_behind_the_answer_is_an_error():
    with open("/dev/full", "w") as full:
        done = subprocess.run([CLI, "doctor"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "standard output" in done.stderr


def test_a_file_past_its_limit_is_an_error_and_leaves_nothing(tmp_path):
    limit = 4096
    done = start(
        "build", LENET, "-o", tmp_path / "x.plan", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    assert done.returncode == 1 and "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


# --- long work


@pytest.fixture(scope="module")
def slow_model(tmp_path_factory) -> Path:
    """Sixty products of 0.3 GFLOP in sizes of their own: timing their kernels takes many seconds."""
    path = tmp_path_factory.mktemp("slow") / "slow.onnx"
    widths = [256 + i for i in range(61)]
    nodes, weights = [], []
    for i, (rows, columns) in enumerate(zip(widths, widths[1:])):
        weights.append(onnx.numpy_helper.from_array(numpy.ones((rows, columns), "f4"), f"w{i}"))
        nodes.append(onnx.helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"]))
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes, "slow", [value("x0", 1, [2048, widths[0]])], [value("x60", 1, [2048, widths[-1]])], weights
    )
    opsets = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def start_on_terminal(*arguments, **options) -> tuple[subprocess.Popen, int]:
    """The process, and the end from which its terminal (stderr only) is read."""
    reader, terminal = pty.openpty()
    process = subprocess.Popen(
        [CLI, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=terminal,
        start_new_session=True,
        **options,
    )
    os.close(terminal)
    return process, reader


def read_until(reader: int, part: bytes, seconds: float) -> bytes:
    seen, deadline = b"", time.monotonic() + seconds
    while part not in seen and time.monotonic() < deadline:
        if select.select([reader], [], [], 0.1)[0]:
            try:
                seen += os.read(reader, 4096)
            except OSError:  # the other end is closed
                break
    return seen


def test_progress_ends_at_100_and_leaves_its_line(plan, tmp_path):
    # Both streams on the terminal, as where people sit.
    reader, terminal = pty.openpty()
    command = [CLI, "bench", plan, "--seconds", "1.3", "--device", DEVICE]
    process = subprocess.Popen(list(map(str, command)), stdout=terminal, stderr=terminal, start_new_session=True)
    os.close(terminal)
    seen = read_until(reader, b"median", 60)
    process.wait(30)
    os.close(reader)
    *_, last, answer = seen.split(b"\r\x1b[K")
    assert last == b"running 100 %" and b"%" not in answer.split(b"median")[0] and answer.strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_long_work_shows_progress_and_is_cancelled(slow_model, tmp_path, monkeypatch, number):
    monkeypatch.setenv("TENON_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "out"
    folder.mkdir()
    began = time.monotonic()
    process, reader = start_on_terminal("build", slow_model, "-o", folder / "x.plan", "--device", DEVICE)
    try:
        seen = read_until(reader, b" %", 60)
        assert b" %" in seen and time.monotonic() - began >= 1
        process.send_signal(number)
        assert b"tenon: cancelled" in read_until(reader, b"cancelled", 30)
        assert process.wait(30) == 130
        assert process.stdout.read() == b""
    finally:
        process.kill()
        process.communicate()
        os.close(reader)
    assert list(folder.iterdir()) == []


def test_short_work_and_pipes_see_no_progress(plan):
    process, reader = start_on_terminal("bench", plan, "--seconds", "0.01")
    assert process.wait(60) == 0
    process.communicate()
    assert read_until(reader, b"%", 0.2) == b""
    os.close(reader)
    assert start("bench", plan, "--seconds", "1.2").stderr == ""


def test_runs_of_a_benchmark_are_cancelled(plan):
    process, reader = start_on_terminal("bench", plan, "--seconds", "1000")
    try:
        assert b"running" in read_until(reader, b"%", 60)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.communicate()
        os.close(reader)


def test_ctrl_c_that_was_ignored_from_the_start_stays_ignored(plan):
    def ignore():  # as a shell does for what it starts in the background
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    process, reader = start_on_terminal("bench", plan, "--seconds", "2", preexec_fn=ignore)
    try:
        assert b"running" in read_until(reader, b"%", 60)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()
        os.close(reader)


def test_external_data_is_found_from_the_models_own_folder(tmp_path):
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("Mul", ["x", "w"], ["y"])],
            "g",
            [onnx.helper.make_tensor_value_info("x", 1, [300])],
            [onnx.helper.make_tensor_value_info("y", 1, [300])],
            [onnx.numpy_helper.from_array(numpy.ones(300, "float32"), "w")],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 18)],
    )
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.bin", size_threshold=0)
    for arguments in (["build", "m.onnx", "-o", "m.plan"], ["refit", "m.plan", "m.onnx", "-o", "n.plan"]):
        done = start(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_a_refit_takes_other_names(tmp_path):
    arrays = load_file(LENET_A)
    tenon("build", LENET, "-o", tmp_path / "a.plan", "--tactics", "first")
    save_file({f"module.{name}": array for name, array in arrays.items()}, tmp_path / "ddp.safetensors")
    target = ["refit", tmp_path / "a.plan", tmp_path / "ddp.safetensors", "--dry-run"]
    report = answer(*target, "--prefix", "module.", "--complete", "--strict")
    assert sorted(report["changed"]) == sorted(arrays) and report["kept"] == []
    (tmp_path / "map.json").write_text(json.dumps({"module.conv1.bias": "conv1.bias"}))
    report = answer(*target, "--map", tmp_path / "map.json", "--only", "conv1.*")
    assert report["changed"] == ["conv1.bias"] and len(report["ignored"]) == len(arrays) - 1
    (tmp_path / "map.json").write_text("[]")
    assert "is no JSON object of names" in refused(*target, "--map", tmp_path / "map.json")[0]


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("inspct", 'the nearest is "inspect"'),
        ("bogus", "there are build, run, refit, strip, inspect, bench, diff, convert, trace, doctor, completion"),
    ],
)
def test_what_is_no_command_is_told_the_nearest(word, advice):
    done = start(word, "model.onnx")
    assert done.returncode == 2
    assert done.stderr == f'tenon: no command is called "{word}"; {advice}\n'
