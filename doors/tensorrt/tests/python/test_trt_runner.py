"""python -m tenon.trt: a script finds TensorRT and CUDA's packages as ours, and its children too."""

import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

ROOT = pathlib.Path(__file__).parents[4]


def runner(*args, cwd=None, **env):
    return subprocess.run(
        [sys.executable, "-m", "tenon.trt", *map(str, args)],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def script(tmp_path):
    def write(text, name="script.py"):
        file = tmp_path / name
        file.write_text(textwrap.dedent(text))
        return file

    return write


def test_a_script_sees_its_own_command_line(script, tmp_path):
    (tmp_path / "helper.py").write_text("VALUE = 7\n")
    file = script(
        """
        import os, sys
        import helper
        print(sys.argv[1:], os.path.basename(__file__), __name__, helper.VALUE)
        sys.exit(3)
        """
    )
    done = runner(file, "-d", "data", "--cuda=real", cwd="/")
    assert done.stdout == "['-d', 'data', '--cuda=real'] script.py __main__ 7\n"
    assert (done.returncode, done.stderr) == (3, "")


def test_every_name_is_one_interface(script):
    done = runner(
        script(
            """
            import sys
            import tensorrt as trt, tensorrt_lean, tensorrt_dispatch, tensorrt_libs
            import tensorrt.tensorrt, tensorrt_bindings
            import tenon.trt
            assert trt.Weights is tensorrt.tensorrt.Weights is tensorrt_bindings.Weights
            assert trt.Weights is tensorrt_lean.Weights is tenon.trt.Weights
            for lean in (tensorrt_lean, tensorrt_dispatch):
                lacking = "Builder INetworkDefinition IConvolutionLayer ITensor ActivationType"
                assert not any(hasattr(lean, name) for name in lacking.split())
                assert all(hasattr(lean, name) for name in "Runtime Refitter Logger Dims nptype".split())
                lean.Runtime(trt.Logger())
            first = trt.ICudaEngine
            del sys.modules["tensorrt"]
            import tensorrt
            assert tensorrt.ICudaEngine is first
            print(tensorrt.__version__.split(".")[0])
            """
        )
    )
    assert (done.stdout, done.stderr, done.returncode) == ("10\n", "", 0)


def test_children_inherit_the_names(script):
    file = script(
        """
        import multiprocessing, subprocess, sys

        def ask(_):
            import cuda.cudart
            import tensorrt
            return tensorrt.DataType.HALF

        if __name__ == "__main__":
            subprocess.run([sys.executable, "-c", "import tensorrt, pycuda.driver; print('child')"], check=True)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(ask, [0]))
        """
    )
    done = runner(file)
    assert done.stdout == "child\n[<DataType.HALF: 1>]\n", done.stderr


def test_without_the_runner_there_is_no_such_name():
    code = "import tenon, tenon.trt\nimport tensorrt"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "No module named 'tensorrt'" in done.stderr
    code = "import tenon.trt; tenon.trt.install(); import tensorrt; print(tensorrt.Dims((2,)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "(2,)\n", done.stderr


def test_a_traceback_is_the_scripts_own(script):
    done = runner(script("def f():\n    1 / 0\n\nf()\n"))
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):" and "script.py" in lines[1]
    assert lines[-1] == "ZeroDivisionError: division by zero" and done.returncode == 1
    assert "_runner" not in done.stderr


def test_modules_and_code_run_too(tmp_path):
    (tmp_path / "program.py").write_text("import sys, tensorrt\nprint(__name__, sys.argv[1:])\n")
    assert runner("-m", "program", "a", cwd=tmp_path).stdout == "__main__ ['a']\n"
    code = "import sys, tensorrt; print(sys.argv)"
    assert runner("-c", code, "b").stdout == "['-c', 'b']\n"


def test_a_prelude_comes_first(script):
    prelude = script("import pycuda.driver as cuda\nPATH = 'model.onnx'\n", "prelude.py")
    done = runner("--prelude", prelude, script("print(cuda.Device(0).name(), PATH)\n"))
    assert done.stdout == "Tenon host model.onnx\n", done.stderr


def test_an_installed_package_is_shadowed_and_told(script, tmp_path):
    other = tmp_path / "site"
    (other / "tensorrt").mkdir(parents=True)
    (other / "tensorrt" / "__init__.py").write_text("Weights = None\n")
    path = os.pathsep.join([str(other), os.environ.get("PYTHONPATH", "")])
    done = runner("-c", "import tensorrt; print(tensorrt.Weights is None)", PYTHONPATH=path)
    assert done.stdout == "False\n" and done.stderr.count("is not used") == 1


def test_cuda_real_leaves_cudas_packages_alone():
    code = "import importlib.util as u; print(u.find_spec('tensorrt') is not None, u.find_spec('pycuda'))"
    assert runner("--cuda=real", "-c", code).stdout == "True None\n"
    listed = runner("--list").stdout
    assert "cuda.bindings.runtime" in listed and "tensorrt_lean" in listed


@pytest.mark.parametrize(
    "args, text",
    [
        ([], "no script"),
        (["--cuda=none", "x.py"], "auto, host or real"),
        (["--frobnicate", "x.py"], "no option --frobnicate"),
        (["-x"], "no option -x"),
        (["-c"], "no script"),
        (["nowhere.py"], "can't open file 'nowhere.py': No such file"),
    ],
)
def test_a_bad_command_line_is_one_line(args, text):
    done = runner(*args)
    assert text in done.stderr.splitlines()[0] and done.returncode == 2


def test_a_plan_is_stripped_shipped_and_filled():
    done = runner("strip.py", ROOT / "tests/data/mnist/lenet.onnx", cwd=ROOT / "examples/tensorrt/strip")
    assert done.returncode == 0, done.stderr + done.stdout
    sizes, before, after, last = done.stdout.splitlines()
    full, stripped = (int(word) for word in sizes.split() if word.isdigit())
    assert stripped < full / 10
    assert [before, after] == ["8 weights are missing", "0 weights are missing after the refit"]
    assert last == "the filled engine answers as the full one"


def test_the_plugin_module_is_there_and_refuses():
    code = """
import tensorrt.plugin as trtp
assert issubclass(trtp.SizeTensorDesc, trtp.TensorDesc)
try:
    @trtp.register("mine::plugin")
    def mine(x: trtp.TensorDesc): ...
except NotImplementedError as error:
    print(error)
"""
    assert runner("-c", code).stdout == "tensorrt.plugin.register: Tenon has no plugins; say it in layers\n"
