"""torch on the host: for this process "cuda" means the CPU, and torch.cuda's clocks and queues are the host's.

torch.cuda.is_available() stays False: a script that asks takes the way that it has for that.
"""

from __future__ import annotations

import _thread
import functools
import importlib.abc
import importlib.util
import sys
import threading
import time
from collections.abc import Callable
from typing import Any


def when_imported() -> None:
    """install() as soon as torch is there."""
    if "torch" in sys.modules:
        install()
    else:
        sys.meta_path.insert(0, _AfterTorch())


class _AfterTorch(importlib.abc.MetaPathFinder):
    """Finds torch as all others do, once, and installs after it has been executed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                execute(module)
                install()

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def install() -> None:
    """Once: a mode in this thread and all that begin later, and what of torch.cuda scripts call."""
    import torch

    if getattr(torch.cuda, "_tenon_host", False):
        return
    torch.cuda._tenon_host = True  # type: ignore[attr-defined]
    _enter_everywhere(_mode)
    for name, value in _replacements().items():
        setattr(torch.cuda, name, value)
    _map_load(torch)
    from tenon.torch import _device

    _device.stand_ins["cuda"] = "cpu"


def _enter_everywhere(mode: Callable[[], Any]) -> None:
    """Modes of torch are a thread's own."""
    mode().__enter__()
    start = _thread.start_new_thread

    @functools.wraps(start)
    def start_new_thread(function: Any, *rest: Any, **options: Any) -> Any:
        def within(*args: Any, **kwargs: Any) -> Any:
            with mode():
                return function(*args, **kwargs)

        return start(within, *rest, **options)

    _thread.start_new_thread = start_new_thread  # type: ignore[assignment]
    threading._start_new_thread = start_new_thread  # type: ignore[attr-defined]
    joinable = getattr(threading, "_start_joinable_thread", None)  # from Python 3.13 on
    if joinable is not None:

        @functools.wraps(joinable)
        def start_joinable_thread(function: Any, *rest: Any, **options: Any) -> Any:
            def within() -> Any:
                with mode():
                    return function()

            return joinable(within, *rest, **options)

        threading._start_joinable_thread = start_joinable_thread  # type: ignore[attr-defined]


def _mode() -> Any:
    from torch.overrides import TorchFunctionMode

    class OnHost(TorchFunctionMode):
        """Every function of torch takes "cpu" for "cuda"."""

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            if getattr(func, "__name__", "") == "cuda" and "Tensor" in func.__qualname__:
                return args[0]
            return func(*map(on_host, args), **{name: on_host(value) for name, value in kwargs.items()})

    return OnHost()


def on_host(value: Any) -> Any:
    """The CPU for a GPU's name or device; everything else is itself."""
    import torch

    if isinstance(value, torch.device):
        return torch.device("cpu") if value.type == "cuda" else value
    if isinstance(value, str) and (value == "cuda" or value.startswith("cuda:")):
        return "cpu"
    return value


def _map_load(torch: Any) -> None:
    load = torch.load

    @functools.wraps(load)
    def on_the_host(f: Any, map_location: Any = None, **options: Any) -> Any:
        return load(f, "cpu" if map_location is None else on_host(map_location), **options)

    torch.load = on_the_host


# torch.cuda. -------------------------------------------------------------------------------------


class Event:
    """A moment of the host's clock: what was queued before it has run."""

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        self._at: float | None = None

    def record(self, stream: Any = None) -> None:
        self._at = time.perf_counter()

    def wait(self, stream: Any = None) -> None: ...

    def query(self) -> bool:
        return True

    def synchronize(self) -> None: ...

    def elapsed_time(self, end: Event) -> float:
        """Milliseconds."""
        if self._at is None or end._at is None:
            raise ValueError("both events must be recorded before the time between them is known")
        return 1e3 * (end._at - self._at)


class Stream:
    """A queue that is always empty; a context that changes nothing."""

    cuda_stream = 0

    def __init__(self, device: Any = None, priority: int = 0, **options: Any) -> None: ...

    def synchronize(self) -> None: ...

    def query(self) -> bool:
        return True

    def wait_stream(self, stream: Any) -> None: ...

    def wait_event(self, event: Event) -> None: ...

    def record_event(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.record()
        return event

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *raised: Any) -> None: ...


class _Device:
    """torch.cuda.device."""

    def __init__(self, device: Any) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *raised: Any) -> None: ...


def _giving(name: str, answer: Any) -> Callable[..., Any]:
    """A function of its own for each name: torch's tracer keeps a rule for each object."""

    def function(*args: Any, **options: Any) -> Any:
        return answer

    function.__name__ = function.__qualname__ = name
    return function


def _replacements() -> dict[str, Any]:
    only = Stream()

    def stream(chosen: Any) -> Any:
        return chosen or only

    answers = {
        "current_stream": only,
        "default_stream": only,
        "current_device": 0,
        "synchronize": None,
        "set_device": None,
        "set_stream": None,
        "empty_cache": None,
    }
    functions = {name: _giving(name, answer) for name, answer in answers.items()}
    return {"Event": Event, "Stream": Stream, "stream": stream, "device": _Device, **functions}
