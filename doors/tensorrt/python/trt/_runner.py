"""Runs a script for which `tensorrt`, and CUDA's packages, are Tenon's."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import pathlib
import runpy
import site
import sys
import types
from typing import Any, NoReturn

from tenon.trt._cuda import torch_host

SHIMS = pathlib.Path(__file__).parent / "_shims"
USAGE = """usage: python -m tenon.trt [--cuda=auto|host|real] [--prelude FILE] script.py args…
       python -m tenon.trt [options] -m module args…
       python -m tenon.trt [options] -c code args…
       python -m tenon.trt trtexec --onnx=FILE …
       python -m tenon.trt --list"""


def shims(cuda: str = "auto") -> list[str]:
    """The folders that go on the path. The door runs on the host, so `auto` is `host`."""
    return [str(SHIMS / "tensorrt")] + ([] if cuda == "real" else [str(SHIMS / "cuda")])


def install(cuda: str = "auto") -> None:
    """Gives this process the names of TensorRT and CUDA's packages; the script's own folder wins."""
    if cuda not in ("auto", "host", "real"):
        raise ValueError(f"cuda={cuda!r}: auto, host or real")
    folders = [folder for folder in shims(cuda) if folder not in sys.path]
    at = 1 if sys.path else 0
    sys.path[at:at] = folders


def hand_on(cuda: str) -> None:
    """Child interpreters find the same, and Tenon itself."""
    package = str(pathlib.Path(__file__).parents[2])
    installed = package in {*site.getsitepackages(), site.getusersitepackages()}
    given = os.environ.get("PYTHONPATH", "")
    folders = [*shims(cuda), *filter(None, given.split(os.pathsep)), *([] if installed else [package])]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(folders))


def tell_of_shadowed(cuda: str) -> None:
    ours = set(shims(cuda))
    elsewhere = [folder for folder in sys.path if folder not in ours]
    found = importlib.machinery.PathFinder.find_spec("tensorrt", elsewhere)
    if found is not None and found.origin:
        print(f"tenon.trt: the installed tensorrt ({found.origin}) is not used", file=sys.stderr)


def listing(cuda: str) -> str:
    names = {}
    for folder in shims(cuda):
        for file in sorted(pathlib.Path(folder).rglob("*.py")):
            parts = list(file.relative_to(folder).with_suffix("").parts)
            names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return "\n".join(f"{name:24} {file}" for name, file in names.items())


def refuse(text: str) -> NoReturn:
    print(f"tenon.trt: {text}\n{USAGE}", file=sys.stderr)
    raise SystemExit(2)


def read(path: str) -> bytes:
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        print(f"tenon.trt: can't open file {path!r}: {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None


def main_module(path: str | None) -> types.ModuleType:
    """A __main__ as the interpreter makes it; a child that is spawned finds the script by it."""
    module = types.ModuleType("__main__")
    module.__spec__ = None
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    if path is not None:
        module.__file__ = path
        module.__cached__ = None  # type: ignore[attr-defined]
        module.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    sys.modules["__main__"] = module
    return module


def execute(code: bytes | str, name: str, module: types.ModuleType) -> None:
    """Tracebacks begin in the script."""
    try:
        exec(compile(code, name, "exec", dont_inherit=True), module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else 1) from None


class Options:
    """What stands before the script."""

    def __init__(self, arguments: list[str]) -> None:
        self.cuda, self.prelude, self.list = "auto", "", False
        self.rest = list(arguments)
        while self.rest and self.rest[0].startswith("--"):
            self.take(self.rest.pop(0))
        if self.cuda not in ("auto", "host", "real"):
            refuse(f"--cuda={self.cuda}: auto, host or real")

    def take(self, option: str) -> None:
        name, equals, value = option.partition("=")
        if name == "--list" and not equals:
            self.list = True
        elif name == "--help" and not equals:
            print(USAGE)
            raise SystemExit(0)
        elif name in ("--cuda", "--prelude"):
            if not equals and not self.rest:
                refuse(f"{name} takes a value")
            setattr(self, name[2:], value if equals else self.rest.pop(0))
        else:
            refuse(f"there is no option {name}")


def run(options: Options) -> None:
    rest = options.rest
    if not rest or (rest[0] in ("-m", "-c") and len(rest) < 2):
        refuse("there is no script to run")
    kind = rest[0] if rest[0] in ("-m", "-c") else ""
    if not kind and rest[0].startswith("-"):
        refuse(f"there is no option {rest[0]}")
    target, arguments = (rest[1], rest[2:]) if kind else (rest[0], rest[1:])
    code = target if kind == "-c" else b"" if kind else read(target)
    folder = "" if kind == "-c" else os.getcwd() if kind else os.path.dirname(os.path.realpath(target))
    sys.path[0] = folder
    install(options.cuda)
    hand_on(options.cuda)
    if options.cuda == "host":
        torch_host.when_imported()
    tell_of_shadowed(options.cuda)
    sys.argv = [kind or target, *arguments]
    prelude: dict[str, Any] = {}
    if options.prelude:
        module = main_module(None)
        execute(read(options.prelude), options.prelude, module)
        prelude = {k: v for k, v in vars(module).items() if not k.startswith("__")}
    if kind == "-m":
        runpy.run_module(target, prelude, "__main__", alter_sys=True)
        return
    module = main_module(None if kind else target)
    vars(module).update(prelude)
    execute(code, "<string>" if kind else target, module)


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["trtexec"]:
        from . import _trtexec

        _trtexec.main(arguments[1:])
        return
    options = Options(arguments)
    if options.list:
        print(listing(options.cuda))
    else:
        run(options)
