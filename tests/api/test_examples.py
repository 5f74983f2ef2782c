"""The examples and the README's code are programs: they run."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import tenon

ROOT = pathlib.Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "mnist"
CLI = os.environ.get("TENON_CLI")

pytestmark = pytest.mark.skipif(
    os.environ.get("TENON_TEST_DEVICE", "cpu") != "cpu", reason="examples name their device"
)


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


@pytest.fixture
def folder(tmp_path):
    """Where the README's files are."""
    for name in ("lenet.onnx", "lenet_a.safetensors"):
        shutil.copy(DATA / name, tmp_path / name)
    return tmp_path


def test_the_demo_reads_the_digits_after_the_refit(tmp_path):
    out = run([sys.executable, ROOT / "examples" / "demo.py"])
    assert "equal bit for bit" in out
    assert (ROOT / "demo.png").exists()


QUESTION = "A quick [brown] fox jumps over the lazy dog ."


def test_the_questions_are_answered_after_refits():
    out = run([sys.executable, ROOT / "examples" / "bidaf_refit.py"])
    assert out.count(QUESTION) == 3 and out.count("200 of 200") == 2 and "\n  1 of 200 questions right" in out


@pytest.mark.skipif(not CLI, reason="needs the build tree")
def test_the_questions_are_answered_in_cpp(tmp_path):
    program = pathlib.Path(CLI).parents[1] / "examples" / "bidaf_refit"
    out = run([program, ROOT / "tests" / "data" / "bidaf"], cwd=tmp_path)
    assert out.count(QUESTION) == 2 and out.startswith("with ones in two weights:   A quick brown")


@pytest.mark.parametrize("rate", ["16000", "8000"])
def test_speech_is_found(rate):
    data = ROOT / "tests" / "data" / "silero_vad" / "speech.wav"
    out = run([sys.executable, ROOT / "examples" / "speech.py", data, rate])
    seconds = float(re.search(r"([\d.]+) s of speech in speech.wav", out)[1])
    assert 13 < seconds < 16  # from what ONNX Runtime hears: tests/models/test_unmodified.py


@pytest.mark.parametrize("photo, faces", [("3.jpg", 5), ("13.jpg", 2)])  # counted by eye
def test_the_faces_of_a_photograph_are_found(tmp_path, photo, faces):
    path = ROOT / "tests" / "data" / "faces" / photo
    out = run([sys.executable, ROOT / "examples" / "faces.py", path, tmp_path / "faces.png"])
    assert out.startswith(f"{faces} faces in {photo}")
    drawn, plain = (np.asarray(Image.open(each).convert("RGB")) for each in (tmp_path / "faces.png", path))
    assert drawn.shape == plain.shape and (drawn != plain).any()


def test_super_resolution_has_the_signal_to_noise_ratios_that_pytorch_measured(tmp_path):
    out = run([sys.executable, ROOT / "examples" / "super_resolution.py", tmp_path / "three.png"])
    assert re.findall(r"([\d.]+) dB", out) == ["5.11", "31.62", "32.99"]
    assert Image.open(tmp_path / "three.png").size == (3 * 672, 672)


@pytest.mark.skipif(not CLI, reason="needs the build tree")
def test_the_cpp_example_reads_the_digits_after_the_refit():
    out = run([pathlib.Path(CLI).parents[1] / "examples" / "mnist_refit", DATA])
    right = [float(number) for number in re.findall(r"([\d.]+) % right", out)]
    assert right[0] < 20 and right[1] >= 98 and right[2] == right[1]
    assert "equal bit for bit" in out


def test_the_python_of_the_readme_runs(folder, monkeypatch):
    (block,) = blocks("README.md", "python")
    monkeypatch.chdir(folder)
    names = {"x": np.zeros((2, 1, 28, 28), np.float32)}
    exec(block, names)  # the README is ours
    assert names["y"].shape == (2, 10)


def test_the_python_of_the_page_on_python_runs(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    names = {"tenon": tenon, "x": np.zeros((2, 1, 28, 28), np.float32)}
    tenon.build("lenet.onnx", tactics="first").save("lenet.plan")
    for block in blocks("docs/python.md", "python"):
        exec(block, names)
    assert names["y"].shape == (2, 10) and "100%" in capsys.readouterr().out


def test_the_python_of_the_page_on_networks_runs():
    (block,) = blocks("docs/network.md", "python")
    names = {}
    exec(block, names)
    assert list(names["engine"].weights) == ["fc.weight"]


@pytest.mark.skipif(not CLI, reason="needs the build tree")
def test_the_commands_of_the_readme_run(folder):
    np.savez(folder / "in.npz", input=np.zeros((2, 1, 28, 28), np.float32))
    commands = blocks("README.md", "sh")[1]
    path = f"{pathlib.Path(CLI).parent}{os.pathsep}{os.environ['PATH']}"
    run(["sh", "-e", "-c", commands], cwd=folder, env={**os.environ, "PATH": path})
    with np.load(folder / "out.npz") as outputs:
        assert outputs["output"].shape == (2, 10)


PROGRAM = """
#include <tenon/build.h>
#include <tenon/context.h>
#include <tenon/onnx.h>
#include <tenon/refitter.h>
int main() {{
  const tenon::Tensor image(tenon::DType::f32, {{1, 1, 28, 28}});
  {block}
  return again.version() == 1 && outputs["output"].shape() == tenon::Shape{{1, 10}} ? 0 : 1;
}}
"""

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(pages CXX)
find_package(tenon REQUIRED)
add_executable(readme readme.cpp)
target_link_libraries(readme tenon::tenon)
add_executable(network network.cpp)
target_link_libraries(network tenon::tenon)
add_executable(server server.cpp)
target_link_libraries(server tenon::runtime)
"""


@pytest.mark.skipif(not CLI, reason="needs the build tree")
def test_what_is_installed_runs_the_cpp_of_the_pages(folder):
    prefix, build = folder / "prefix", folder / "build"
    run(["cmake", "--install", pathlib.Path(CLI).parents[1], "--prefix", prefix, "--component", "cpp"])
    assert "tenon 0.1.0" in run([prefix / "bin" / "tenon", "--version"])
    (block,) = blocks("README.md", "cpp")
    (folder / "readme.cpp").write_text(PROGRAM.format(block=block))
    (block,) = blocks("docs/cpp.md", "cpp")
    (folder / "server.cpp").write_text(block)
    (block,) = blocks("docs/network.md", "cpp")
    (folder / "network.cpp").write_text(block)
    (folder / "CMakeLists.txt").write_text(PROJECT)
    run(["cmake", "-S", folder, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}"])
    run(["cmake", "--build", build])
    run([build / "readme"], cwd=folder)
    run([build / "network"])
    assert "version 2 in " in run([build / "server"], cwd=folder)
    run([prefix / "bin" / "tenon", "refit", "lenet.plan", "trained.plan", "--dry-run"], cwd=folder)
    compile_by_pkg_config(folder, prefix.rename(folder / "moved"))


def compile_by_pkg_config(folder, prefix):
    """As a Makefile would, from wherever the files were moved to."""
    if not shutil.which("pkg-config"):
        return
    (file,) = prefix.rglob("tenon_runtime.pc")
    asked = ["pkg-config", "--cflags", "--libs", "tenon_runtime"]
    flags = run(asked, env={**os.environ, "PKG_CONFIG_PATH": str(file.parent)}).split()
    assert run([*asked[:1], "--modversion", "tenon"], env={**os.environ, "PKG_CONFIG_PATH": str(file.parent)}) == "0.1.0\n"
    library = next(prefix.rglob("libtenon_runtime.so")).parent
    run(["g++", folder / "server.cpp", "-o", folder / "server", *flags, f"-Wl,-rpath,{library}"])
    assert "version 2 in " in run([folder / "server"], cwd=folder)
