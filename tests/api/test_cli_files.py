"""The command line tool with files as they are: inputs of any kind, diff, convert, completion, traces."""

import json
import shutil
import subprocess
import zlib

import numpy as np
import onnx
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file
from test_cli import CLI, DEVICE, LENET, LENET_A, answer, cache, close, images, plan, reference, refused, start, tenon  # noqa: F401

# --- inputs


def run_on(file, *inputs, more=()):
    arguments = [part for each in inputs for part in ("--inputs", each)]
    output = answer("run", file, *arguments, *more)["outputs"]["output"]
    return np.array(output["values"], "f4").reshape(output["shape"])


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_npy_is_the_only_input(plan, images, tmp_path, order):
    np.save(tmp_path / "x.npy", np.asarray(images, order=order))
    assert close(run_on(plan, tmp_path / "x.npy"), reference(images))
    assert close(run_on(plan, f"input={tmp_path / 'x.npy'}"), reference(images))


def test_raw_bytes_fill_an_input(plan, images, tmp_path):
    images.tofile(tmp_path / "x.raw")
    shape = ("--shape", "input=3x1x28x28")
    assert close(run_on(plan, tmp_path / "x.raw", more=shape), reference(images))
    (line,) = refused("run", plan, "--inputs", tmp_path / "x.raw")
    assert "has 9408 bytes, f32[1, 1, 28, 28] has 3136" in line


@pytest.mark.parametrize("ending", ["png", "pgm"])
def test_a_grey_image_is_an_input(plan, tmp_path, ending):
    pixels = np.random.default_rng(1).integers(0, 256, (28, 28), np.uint8)
    Image.fromarray(pixels).save(tmp_path / f"x.{ending}")
    want = reference((pixels.astype("f4") / 255)[None, None])
    assert close(run_on(plan, tmp_path / f"x.{ending}"), want)


def identity(tmp_path, shape, dtype=1):
    info = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node("Identity", ["x"], ["output"])
    graph = onnx.helper.make_graph([node], "g", [info("x", dtype, shape)], [info("output", dtype, shape)])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), tmp_path / "i.onnx")
    return tmp_path / "i.onnx"


LAYOUTS = [([1, "c", "h", "w"], (2, 0, 1)), (["n", "h", "w", 3], (0, 1, 2)), (["h", "w", 3], (0, 1, 2)), ([3, "h", "w"], (2, 0, 1))]


@pytest.mark.parametrize("shape, axes", LAYOUTS)
@pytest.mark.parametrize("ending", ["png", "ppm"])
def test_a_coloured_image_is_laid_out_as_the_input(tmp_path, shape, axes, ending):
    # Smooth rows and noisy ones, for which Pillow takes different filters.
    y, x, c = np.mgrid[0:19, 0:17, 0:3]
    pixels = (y * 5 + x * 3 + c * 40 + np.random.default_rng(2).integers(0, 9, (19, 17, 3)) * (y > 12)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / f"x.{ending}")
    got = run_on(identity(tmp_path, shape), tmp_path / f"x.{ending}", more=("--device", DEVICE))
    want = pixels.transpose(axes).astype("f4") / np.float32(255)
    np.testing.assert_array_equal(got, want.reshape(got.shape))
    assert got.ndim == len(shape)


@pytest.mark.parametrize("filter_type", range(5))
def test_every_filter_of_png_is_undone(tmp_path, filter_type):
    pixels = np.random.default_rng(filter_type).integers(0, 256, (6, 5, 3), np.uint8).astype(int)
    rows = b""
    for y in range(6):
        row = [filter_type]
        for x in range(5):
            for c in range(3):
                left = pixels[y, x - 1, c] if x else 0
                up = pixels[y - 1, x, c] if y else 0
                corner = pixels[y - 1, x - 1, c] if x and y else 0
                guess = left + up - corner
                nearest = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
                row.append((pixels[y, x, c] - [0, left, up, (left + up) // 2, nearest][filter_type]) % 256)
        rows += bytes(int(v) for v in row)

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (5).to_bytes(4, "big") + (6).to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "x.png").write_bytes(png)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "x.png")), pixels)  # Pillow reads it so
    got = run_on(identity(tmp_path, ["h", "w", 3], 1), tmp_path / "x.png", more=("--device", DEVICE))
    np.testing.assert_array_equal(got, pixels.astype("f4") / np.float32(255))
    for cut in (9, 20, 50, len(png) - 5):
        (tmp_path / "cut.png").write_bytes(png[:cut])
        (line,) = refused("run", LENET, "--inputs", tmp_path / "cut.png")
        assert "cut.png" in line


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda path: Image.new("L", (30, 28)).save(path, "png"), "28 rows, 30 columns and 1 channels, the input is f32[n, 1, 28, 28]"),
        (lambda path: Image.new("RGB", (28, 28)).save(path, "jpeg"), "is a JPEG; convert it to PNG"),
        (lambda path: Image.new("P", (28, 28)).save(path, "png"), "palette"),
        (lambda path: Image.new("I;16", (28, 28)).save(path, "png"), "8 bits"),
        (lambda path: path.write_bytes(b"P5\n28 28\n255\n123"), "its size is not what its header says"),
        (lambda path: path.write_bytes(b"\x93NUMPY\x01\x00\x10\x00abc"), "image"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, make, part):
    make(tmp_path / "image")
    (line,) = refused("run", LENET, "--inputs", tmp_path / "image", "--device", DEVICE)
    assert part in line


def two_inputs(tmp_path):
    info = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node("Sub", ["left", "right"], ["output"])
    graph = onnx.helper.make_graph([node], "g", [info("left", 1, [2]), info("right", 1, [2])], [info("output", 1, [2])])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), tmp_path / "s.onnx")
    np.save(tmp_path / "a.npy", np.array([5, 7], "f4"))
    np.array([1, 2], "<f4").tofile(tmp_path / "b.bin")
    return tmp_path / "s.onnx"


def test_each_input_may_have_its_file(tmp_path):
    model = two_inputs(tmp_path)
    device = ("--device", DEVICE)
    got = run_on(model, f"left={tmp_path / 'a.npy'}", f"right={tmp_path / 'b.bin'}", more=device)
    np.testing.assert_array_equal(got, [4, 5])
    cases = {
        (tmp_path / "a.npy",): "where NAME is one of: left, right",
        (f"lft={tmp_path / 'a.npy'}",): 'the nearest is "left"',
        (f"left={tmp_path / 'a.npy'}", f"left={tmp_path / 'b.bin'}"): 'input "left" is given twice',
        (f"left={tmp_path / 'none.npy'}",): "no .npy, image, .txt, .raw or .bin file",
    }
    for inputs, part in cases.items():
        (line,) = refused("run", model, *device, *(word for each in inputs for word in ("--inputs", each)))
        assert part in line


# --- diff


def test_diff_tells_each_kind_of_difference(tmp_path):
    same = np.arange(6, dtype="f4").reshape(2, 3)
    other = same.copy()
    other[1, 2] += 0.25
    save_file({"same": same, "w": same, "shape": same, "type": same, "a": same, "zero": np.zeros(1, "f4")}, tmp_path / "a.safetensors")
    np.savez(tmp_path / "b.npz", same=same, w=other, shape=same.T, type=same.astype("f2"), b=same, zero=-np.zeros(1, "f4"))
    told = answer("diff", tmp_path / "a.safetensors", tmp_path / "b.npz")
    states = {each["name"]: each["state"] for each in told["weights"]}
    assert states == {"w": "differs", "shape": "other shape", "type": "other dtype", "a": "only in A", "b": "only in B", "zero": "differs"}
    assert (told["equal"], told["different"], told["greatest_difference"]) == (1, 6, 0.25)
    listed = {each["name"]: each for each in answer("diff", tmp_path / "a.safetensors", tmp_path / "b.npz", "--all")["weights"]}
    assert listed["same"]["a"] == listed["same"]["b"] and listed["w"]["a"]["digest"] != listed["w"]["b"]["digest"]
    text = tenon("diff", tmp_path / "a.safetensors", tmp_path / "b.npz")
    assert "by up to 0.25" in text and "1 weight equal, 6 different" in text and "signs of zeros" in text


def test_diff_of_whole_numbers_is_exact(tmp_path):
    large = 2**53
    save_file({"i": np.array([large], "i8"), "u": np.array([2**64 - 1], "u8"), "mixed": np.array([large + 1], "i8")}, tmp_path / "a.safetensors")
    save_file({"i": np.array([large + 1], "i8"), "u": np.array([2**64 - 3], "u8"), "mixed": np.array([large], "f8")}, tmp_path / "b.safetensors")
    told = answer("diff", tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert {each["name"]: each["greatest_difference"] for each in told["weights"]} == {"i": 1, "u": 2, "mixed": 1}
    text = tenon("diff", tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert "by up to 1" in text and "signs of zeros" not in text


def test_diff_of_a_number_and_none_is_infinite(tmp_path):
    save_file({"w": np.array([1, np.nan], "f4")}, tmp_path / "a.safetensors")
    save_file({"w": np.array([np.nan, np.nan], "f4")}, tmp_path / "b.safetensors")
    assert answer("diff", tmp_path / "a.safetensors", tmp_path / "b.safetensors")["greatest_difference"] == "inf"


def test_diff_of_a_model_its_plan_and_a_checkpoint(plan):
    assert answer("diff", plan, LENET)["different"] == 0
    told = answer("diff", plan, LENET_A)
    mine, theirs = load_file(plan), load_file(LENET_A)
    want = max(float(np.abs(mine[name].astype("f8") - theirs[name]).max()) for name in mine)
    assert told["different"] == len(mine) and told["greatest_difference"] == pytest.approx(want, rel=1e-12)
    digests = {each["name"]: each["digest"] for each in answer("inspect", plan, "--weights")["weights"]}
    assert {each["name"]: each["a"]["digest"] for each in told["weights"]} == digests


# --- convert


def test_weights_convert_to_every_format_and_back(tmp_path):
    arrays = {"a": np.arange(6, dtype="f4").reshape(2, 3), "b.c": np.array([1, -2], "i8"), "ü": np.array(3.5, "f8"), "e": np.zeros((0, 2), "f2")}
    save_file(arrays, tmp_path / "0.safetensors")
    previous = tmp_path / "0.safetensors"
    for number, ending in enumerate(["onnx", "npz", "onnx", "safetensors"], 1):
        target = tmp_path / f"{number}.{ending}"
        assert answer("convert", previous, "-o", target)["weights"] == len(arrays)
        previous = target
    proto = onnx.load(tmp_path / "1.onnx")
    by_onnx = {each.name: onnx.numpy_helper.to_array(each) for each in proto.graph.initializer}
    with np.load(tmp_path / "2.npz") as file:
        by_numpy = dict(file)
    for got in (by_onnx, by_numpy, load_file(previous)):
        assert sorted(got) == sorted(arrays)
        for name, array in arrays.items():
            assert got[name].dtype == array.dtype and got[name].shape == array.shape
            np.testing.assert_array_equal(got[name], array)


def test_convert_keeps_bf16(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([1.5, -2], ml_dtypes.bfloat16)
    save_file({"w": array}, tmp_path / "a.safetensors")
    tenon("convert", tmp_path / "a.safetensors", "-o", tmp_path / "a.onnx")
    (tensor,) = onnx.load(tmp_path / "a.onnx").graph.initializer
    assert tensor.data_type == onnx.TensorProto.BFLOAT16 and tensor.raw_data == array.tobytes()
    assert "bf16" in refused("convert", tmp_path / "a.safetensors", "-o", tmp_path / "a.npz")[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "a.safetensors"]


def test_converted_weights_refit(plan, tmp_path):
    tenon("convert", LENET_A, "-o", tmp_path / "a.onnx")
    tenon("refit", plan, tmp_path / "a.onnx", "-o", tmp_path / "a.plan", "--complete")
    assert answer("diff", tmp_path / "a.plan", LENET_A)["different"] == 0


def test_convert_refuses_an_unknown_ending(tmp_path):
    done = start("convert", LENET_A, "-o", tmp_path / "a.txt")
    assert done.returncode == 2 and ".safetensors" in done.stderr


# --- completion

COMMANDS = "build run refit strip inspect bench diff convert trace doctor completion".split()


def completed(script, line):
    """What bash offers at the end of a line."""
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    code = f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _tenon; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    return subprocess.check_output(["bash", "-c", code], text=True).split()


def test_bash_completes_commands_and_options(tmp_path, monkeypatch):
    script = tenon("completion", "bash")
    assert completed(script, "tenon ") == [*COMMANDS, "--help", "--version"]
    assert completed(script, "tenon re") == ["refit"]
    assert completed(script, "tenon refit --pre") == ["--prefix"]
    assert completed(script, "tenon completion z") == ["zsh"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").touch()
    assert completed(script, "tenon build mod") == ["model.onnx"]
    for command in COMMANDS:
        options = [word for word in tenon(command, "--help").replace(",", " ").split() if word.startswith("--")]
        assert options and set(options) <= set(completed(script, f"tenon {command} -")) | {"--output"}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_scripts_of_other_shells_name_all_options(shell, tmp_path):
    script = tenon("completion", shell)
    for word in (*COMMANDS, "prefix", "complete", "shape"):
        assert word in script
    if shutil.which(shell):
        (tmp_path / "script").write_text(script)
        subprocess.run([shell, "-n", tmp_path / "script"], check=True)


def test_an_unknown_shell_is_wrong_usage():
    assert start("completion", "tcsh").returncode == 2


# --- trace


def test_a_trace_shows_build_run_and_refit(tmp_path):
    path = tmp_path / "t.json"
    told = answer("trace", LENET, "-o", path, "--refit", LENET_A, "--runs", "2", "--device", DEVICE)
    events = json.loads(path.read_text())["traceEvents"]
    rows = {event["tid"]: event["args"]["name"] for event in events if event["ph"] == "M"}
    spans = [event for event in events if event["ph"] == "X"]
    assert len(spans) == told["events"] and all(span["ts"] >= 0 and span["dur"] >= 0 and span["tid"] in rows for span in spans)
    whole = [span for span in spans if rows[span["tid"]] == "tenon"]
    assert [span["name"] for span in whole] == ["build", "run", "run", "refit", "run"]
    assert [span["args"]["version"] for span in whole if span["name"] == "run"] == [1, 1, 2]
    for first, second in zip(whole, whole[1:]):
        assert first["ts"] + first["dur"] <= second["ts"] + 1
    steps = [span for span in spans if rows[span["tid"]].startswith("queue ")]
    names = [step["name"] for step in sorted(steps, key=lambda step: step["ts"])]
    third = len(names) // 3  # each run takes the same; another build may choose other kernels, and so other steps
    assert third >= 5 and names == names[:third] * 3
    assert {"conv", "matmul"} <= {step["args"]["op"] for step in steps}
    for step in steps:  # within its run, but for the rounding of a clock
        assert any(run["ts"] - 1 <= step["ts"] and step["ts"] + step["dur"] <= run["ts"] + run["dur"] + 1 for run in whole if run["name"] == "run")
    assert {"build", "refit"} <= set(rows.values())
