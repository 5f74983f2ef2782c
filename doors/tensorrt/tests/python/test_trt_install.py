"""What is installed when the door's components are asked for builds programs, by CMake and by hand."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import tenon

ROOT = pathlib.Path(__file__).parents[4]
BUILD = pathlib.Path(tenon.__file__).parents[2]
MODEL = ROOT / "tests/data/mnist/lenet.onnx"

pytestmark = pytest.mark.skipif(not (BUILD / "cmake_install.cmake").exists() or not shutil.which("cmake"), reason="needs the build tree")

PROGRAM = """
#include "NvInfer.h"
#include "NvOnnxParser.h"
struct Quiet : nvinfer1::ILogger { void log(Severity, char const*) noexcept override {} };
int main(int, char** arguments) {
  Quiet logger;
  auto* builder = nvinfer1::createInferBuilder(logger);
  auto* network = builder->createNetworkV2(0);
  auto* parser = nvonnxparser::createParser(*network, logger);
  const bool parsed = parser->parseFromFile(arguments[1], 0) && network->getNbLayers() > 8;
  delete parser;
  delete network;
  delete builder;
  return parsed ? 0 : 1;
}
"""

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(program CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(tenon REQUIRED)
add_executable(program program.cpp)
target_link_libraries(program tenon::nvinfer)
add_library(lean SHARED lean.cpp)
target_link_libraries(lean tenon::nvinfer_lean)
"""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def install(prefix, *components):
    for component in components:
        run("cmake", "--install", BUILD, "--prefix", prefix, "--component", component)


def test_installed_headers_and_libraries_build_programs(tmp_path):
    prefix = tmp_path / "prefix"
    install(prefix, "cpp")
    assert not list(prefix.rglob("*nvinfer*")) and not list(prefix.rglob("NvInfer*"))  # nobody gets it unasked
    install(prefix, "tensorrt", "tensorrt_links")
    (tmp_path / "CMakeLists.txt").write_text(PROJECT)
    (tmp_path / "program.cpp").write_text(PROGRAM)
    (tmp_path / "lean.cpp").write_text('#include "NvInferRuntime.h"\nint version() { return getInferLibVersion(); }\n')
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path / "build")
    run(tmp_path / "build" / "program", MODEL)

    (links,) = prefix.rglob("tenon/tensorrt/libnvinfer.so")
    libraries = links.resolve().parent
    run(
        "g++", "-std=c++14", f"-I{prefix}/include/tenon/tensorrt", tmp_path / "program.cpp", f"-L{links.parent}", "-lnvinfer", "-lnvonnxparser",
        f"-Wl,-rpath,{libraries},-rpath-link,{libraries}", "-o", tmp_path / "plain",
    )  # fmt: skip
    run(tmp_path / "plain", MODEL)
    names = {path.name for path in links.parent.iterdir()}
    assert names == {f"lib{name}.{end}" for name in ("nvinfer", "nvonnxparser", "nvinfer_plugin", "nvinfer_lean", "nvinfer_dispatch") for end in ("so", "so.10")}


def test_the_package_has_the_door(tmp_path):
    install(tmp_path, "python")
    shutil.copytree(ROOT / "python" / "tenon", tmp_path / "tenon", dirs_exist_ok=True)  # what the wheel takes from the sources
    code = "import tenon.trt as t; print(t.__file__); print(*{l.split()[-1] for l in open('/proc/self/maps') if 'libtenon' in l})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    lines = done.stdout.split()
    assert len(lines) == 3 and all(line.startswith(str(tmp_path)) for line in lines), done.stderr + done.stdout
