"""What people expect of a Python package: `with`, progress, stopping, logging, notebooks."""

import ast
import errno
import gc
import importlib
import inspect
import os
import pathlib
import pickle
import subprocess
import sys
import textwrap
import threading
import weakref
from html.parser import HTMLParser

import numpy as np
import pytest
from linear import B, W, X, large_network, linear_engine
from safetensors.numpy import save_file

import tenon


class Owner(np.ndarray):
    """An array that can be watched: whoever frees it frees what it holds."""


# --- with


def test_with_ends_the_engine(linear, tmp_path):
    linear.save(tmp_path / "a.plan")
    with tenon.load(tmp_path / "a.plan") as engine:
        np.testing.assert_array_equal(engine(X), X @ W + B)
    for act in (lambda: engine(X), lambda: engine.weights, lambda: engine.refit({"w": W}), lambda: engine.run({"x": X})):
        with pytest.raises(tenon.NotReadyError, match="closed"):
            act()
    assert repr(engine) == "Engine(closed)"
    engine.close()


def test_with_frees_the_memory(device, tmp_path):
    code = f"""
import os, tenon
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
tenon.load({str(tmp_path / "a.plan")!r}).close()
before = resident()
with tenon.load({str(tmp_path / "a.plan")!r}) as engine:
    within = resident()
print(within - before, resident() - before)
"""
    tenon.build(large_network(4, 1024), tactics="first", device=device).save(tmp_path / "a.plan")
    within, after = map(int, subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert within > 12e6 and after < within / 2


def test_what_was_submitted_is_done_before_the_end(linear):
    with linear as engine:
        future = engine.submit({"x": X})
    np.testing.assert_array_equal(future.result()["y"], X @ W + B)


def test_an_error_leaves_with_as_it_came(linear):
    with pytest.raises(KeyError), linear:
        raise KeyError("x")


# --- progress and stop


def works(tmp_path, device):
    """Each way to work, by name: it takes progress= and stop=."""
    arrays = {f"w{i}": np.ones((256, 256), np.float32) for i in range(3)}
    network = large_network(3, 256)
    engine = tenon.build(network, device=device, tactics="first")
    engine.save(tmp_path / "a.plan")
    save_file(arrays, tmp_path / "w.safetensors")

    def refitter():
        made = engine.refitter()
        made.load(tmp_path / "w.safetensors")
        return made

    return {
        "build": lambda **how: tenon.build(network, device=device, **how),
        "load": lambda **how: tenon.load(tmp_path / "a.plan", **how),
        "save": lambda **how: engine.save(tmp_path / "b.plan", **how),
        "to_bytes": lambda **how: engine.to_bytes(**how),
        "refit": lambda **how: engine.refit(arrays, **how),
        "refit from a file": lambda **how: engine.refit(tmp_path / "w.safetensors", **how),
        "commit": lambda **how: refitter().commit(**how),
        "prepare": lambda **how: refitter().prepare(**how),
    }


WORKS = ["build", "load", "save", "to_bytes", "refit", "refit from a file", "commit", "prepare"]


@pytest.mark.parametrize("name", WORKS)
def test_progress_is_told(name, tmp_path, device):
    told = []
    works(tmp_path, device)[name](progress=lambda stage, fraction: told.append((stage, fraction)))
    assert told and all(isinstance(stage, str) and stage and 0 <= fraction <= 1 for stage, fraction in told)
    assert told[-1][1] == 1


@pytest.mark.parametrize("name", WORKS)
def test_what_progress_raises_comes_out(name, tmp_path, device):
    def enough(stage, fraction):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        works(tmp_path, device)[name](progress=enough)


@pytest.mark.parametrize("name", WORKS)
def test_an_event_stops(name, tmp_path, device):
    stop = threading.Event()
    work = works(tmp_path, device)[name]
    work(stop=stop)
    stop.set()
    with pytest.raises(tenon.Error) as raised:
        work(stop=stop)
    assert raised.value.code == "cancelled"


def test_an_event_stops_work_under_way(device, tmp_path, monkeypatch):
    monkeypatch.setenv("TENON_CACHE_DIR", str(tmp_path))
    stop = threading.Event()
    begun = []

    def first(stage, fraction):
        begun.append(stage)
        stop.set()
        threading.Event().wait(0.2)  # until it has been looked at

    with pytest.raises(tenon.Error) as raised:
        tenon.build(large_network(6, 256), device=device, stop=stop, progress=first)
    assert raised.value.code == "cancelled" and begun


@pytest.mark.parametrize(("option", "value"), [("stop", 1), ("progress", 1), ("progress", "yes")])
def test_what_is_neither_is_refused(option, value, linear):
    with pytest.raises(tenon.InputError, match=f"{option}="):
        linear.refit({"w": W}, **{option: value})


def test_a_bar_is_tqdms(linear, capfd):
    pytest.importorskip("tqdm")
    linear.refit({"w": W}, progress=True)
    bars = capfd.readouterr().err.split("\r")
    assert "100%" in [bar for bar in bars if bar.strip()][-1] and not bars[-1].strip()  # whole, and gone


def test_a_bar_without_tqdm_says_what_to_do(linear, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="pip install tqdm"):
        linear.refit({"w": W}, progress=True)
    linear.refit({"w": W}, progress=False)


def test_no_event_or_callable_is_kept(linear):
    stop, told = threading.Event(), Owner((1,))
    gone = [weakref.ref(stop), weakref.ref(told)]
    linear.refit({"w": W}, stop=stop, progress=lambda stage, fraction, told=told: None)
    del stop, told
    gc.collect()
    assert [each() for each in gone] == [None, None]


# --- logging


LOGGED = """
import logging, threading, tenon
{setup}
network = tenon.Network()
network.output("y", network.relu(network.input("x", [1])))
tenon.build(network, tactics="time")
logging.getLogger("tenon").info("mine")
"""


def logged(setup="", **environment):
    # A file in the place of the folder of timings is a reason for a line.
    done = subprocess.run(
        [sys.executable, "-c", LOGGED.format(setup=setup)],
        capture_output=True, text=True, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def test_the_log_is_pythons(tmp_path):
    setup = "logging.basicConfig(level=logging.DEBUG, format='<%(name)s %(levelname)s> %(message)s')"
    (tmp_path / "file").write_text("")
    lines = logged(setup, TENON_CACHE_DIR=str(tmp_path / "file" / "x")).stderr.splitlines()
    ours = [line for line in lines if line.startswith("<tenon ")]
    assert lines == ours and len(ours) >= 2 and ours[-1] == "<tenon INFO> mine"


def test_the_log_can_be_silenced(tmp_path):
    (tmp_path / "file").write_text("")
    setup = "logging.getLogger('tenon').setLevel(logging.CRITICAL)"
    assert logged(setup, TENON_CACHE_DIR=str(tmp_path / "file" / "x")).stderr == ""


def test_tenon_log_still_writes_to_stderr(tmp_path):
    done = logged(TENON_LOG="debug", TENON_CACHE_DIR=str(tmp_path))
    assert "tenon: INFO: mine" in done.stderr


# --- notebooks


class Cells(HTMLParser):
    """The texts of a table, and that its tags close."""

    def __init__(self, page):
        super().__init__()
        self.open, self.texts = [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_an_engine_is_a_table(linear):
    texts = Cells(linear._repr_html_()).texts
    assert texts[0] == f"Engine on {linear.device}, version 1"
    assert texts[1:] == ["input", "x", "float32[n, 3]", "output", "y", "float32[n, 4]",
                         "weight", "b", "float32[4]", "weight", "w", "float32[3, 4]"]  # fmt: skip


def test_names_do_not_become_markup(device):
    network = tenon.Network()
    network.output("<b>", network.matmul(network.input("x", [1, 3]), network.weight("<script>", W)))
    engine = tenon.build(network, device=device, tactics="first")
    assert "<script>" not in engine._repr_html_()
    assert {"<b>", "<script>"} <= set(Cells(engine._repr_html_()).texts)
    assert "<script>" in Cells(engine.refit({"<script>": W})._repr_html_()).texts


def test_a_report_is_a_table(linear):
    texts = Cells(linear.refit({"w": W, "steps": np.array([1])})._repr_html_()).texts
    assert texts[0].startswith("Refit to version 2: ")
    assert texts[1:] == ["changed", "w", "kept", "b", "ignored", "steps", "not in this engine, and i64"]


def test_tables_of_large_engines_are_short(device):
    network = tenon.Network()
    x = network.input("x", [1, 4])
    for i in range(50):
        x = network.matmul(x, network.weight(f"w{i:02}", np.eye(4, dtype=np.float32)))
    network.output("y", x)
    engine = tenon.build(network, device=device, tactics="first")
    assert "… 30 more" in Cells(engine._repr_html_()).texts


def test_a_weight_is_a_torch_tensor(linear):
    torch = pytest.importorskip("torch")
    tensor = linear.weights["w"].torch()
    assert isinstance(tensor, torch.Tensor) and torch.equal(tensor, torch.from_numpy(W.copy()))


def test_a_closed_weight_still_reads(device):
    engine = linear_engine(device)
    weight = engine.weights["w"]
    engine.close()
    np.testing.assert_array_equal(weight.numpy(), W)


# --- the command


def module(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "tenon", *map(str, arguments)], capture_output=True, text=True, **options)


def test_the_module_is_the_command(mnist, tmp_path):
    from tenon.__main__ import main

    assert module("--version").stdout == f"tenon {tenon.__version__}\n"
    built = module("build", mnist / "lenet.onnx", "-o", tmp_path / "a.plan", "--tactics", "first")
    assert (built.returncode, built.stderr) == (0, "") and "8 refittable weights" in built.stdout
    assert tenon.load(tmp_path / "a.plan").ready
    assert module("bogus").returncode == 2
    wrong = module("inspect", "absent.plan")
    assert wrong.returncode == 1 and wrong.stderr.startswith("tenon: ")
    assert callable(main)  # what pyproject.toml names


def test_the_wheel_brings_the_command():
    tomllib = pytest.importorskip("tomllib")
    root = pathlib.Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text())
    name, _, function = project["project"]["scripts"]["tenon"].partition(":")
    assert callable(getattr(importlib.import_module(name), function))


# --- errors of the system


def test_errors_of_the_system_have_their_number(linear, tmp_path):
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "fifo")
    cases = {
        lambda: tenon.load(tmp_path / "absent"): (FileNotFoundError, errno.ENOENT),
        lambda: linear.refit(tmp_path / "absent"): (FileNotFoundError, errno.ENOENT),
        lambda: linear.save(tmp_path / "absent" / "a.plan"): (FileNotFoundError, errno.ENOENT),
        lambda: tenon.load(tmp_path / "file" / "a"): (NotADirectoryError, errno.ENOTDIR),
        lambda: tenon.load("a" * 300): (OSError, errno.ENAMETOOLONG),
        lambda: tenon.load(tmp_path / "fifo"): (OSError, errno.EIO),  # our own answer
    }
    for act, (kind, number) in cases.items():
        with pytest.raises(tenon.Error) as raised:
            act()
        error = raised.value
        assert isinstance(error, kind) and error.errno == number and error.strerror == os.strerror(number)
        assert error.code == "io" and not str(error).startswith("[Errno")
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.errno) == (type(error), str(error), number)


# --- docstrings

CALLED = ["build", "load", "pass_names", "digest", "Network", "Engine", "Refitter", "Weight", "WeightSet", "RefitReport", "Layer", "Port", "Problem",
          "Outputs", "LeafInfo", "Value", "ValueInfo", "Tensor", "ThreadLimit"]  # fmt: skip


def functions():
    """Every public function and method that is bound, by name."""
    for name in CALLED:
        thing = getattr(tenon, name)
        if not isinstance(thing, type):
            yield name, thing
        elif thing.__module__.endswith("_tenon"):
            for method, function in inspect.getmembers_static(thing, lambda each: callable(each) and not isinstance(each, type)):
                if not method.startswith("_") or method == "__call__":
                    yield f"{name}.{method}", function


def test_every_function_has_a_signature_and_an_example():
    told = dict(functions())
    assert {"build", "Engine.__call__", "Engine.refit", "Refitter.set", "Network.add", "Weight.numpy"} <= told.keys()
    for name, function in told.items():
        signature = inspect.signature(function)
        assert "." not in name or next(iter(signature.parameters)) == "self", name
        prose, _, example = inspect.getdoc(function).rpartition("\n\n")
        assert prose and (name.rpartition(".")[2] in example or name == "Engine.__call__"), name
        ast.parse(textwrap.dedent(example))


def test_signatures_are_those_of_the_stub(linear):
    refit = inspect.signature(linear.refit)
    assert list(refit.parameters)[:3] == ["weights", "strict", "complete"]
    assert refit.parameters["strict"].default is False and refit.return_annotation == "RefitReport"
    assert refit.parameters["prefix"].kind is inspect.Parameter.KEYWORD_ONLY
    refit.bind({"w": W}, complete=True)
    with pytest.raises(TypeError, match="bogus"):
        refit.bind({"w": W}, bogus=1)
    assert inspect.signature(tenon.build).parameters["tactics"].default == "time"


def test_names_complete_on_tab(linear):
    import rlcompleter

    names = {"engine": linear, "tenon": tenon}
    completer = rlcompleter.Completer(names)
    found = [completer.complete("engine.re", i) for i in range(5)]
    assert {"engine.refit(", "engine.refitter(", "engine.reset()", "engine.ready"} == set(found) - {None}


def test_every_public_name_has_an_example():
    errors = [name for name in tenon.__all__ if name.endswith("Error")]
    assert {*CALLED, *errors, "__version__"} == set(tenon.__all__)
    for name in (*CALLED, *errors):
        example = textwrap.dedent((inspect.getdoc(getattr(tenon, name)) or "").split("\n\n")[-1])
        ast.parse(example if not example.startswith("except ") else "try: pass\n" + example)  # prose does not parse
