"""What Tenon raises: classes of its own, which are also what Python calls such facts."""

import errno
import os
from typing import Any, NamedTuple


class Error(Exception):
    """Base of all errors. The message is one line: the thing, the fact and the way out.

    `code` is one of: invalid_input, unsupported, bad_file, build, plan, refit, not_ready, io,
    cancelled, unavailable.

        except tenon.Error as error: print(error.code)
    """

    code: str

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[0])  # an OSError would tell its number

    def __reduce__(self) -> tuple[object, ...]:
        return error_of, (self.__class__.__name__, str(self), self.code, tuple(getattr(self, "problems", ())))


class Problem(NamedTuple):
    """One thing that keeps a network from being compiled.

        for problem in error.problems: print(problem.op, problem.message)
    """

    kind: str
    """"op", "feature", or the error's code"""
    index: int  # type: ignore[assignment]
    """of the node in the model's outermost graph; -1 for what is not there"""
    node: str
    """its name, or its first output's; "" for what is no node's"""
    op: str
    message: str


class BuildError(Error, ValueError):
    """A network could not be read or compiled. `problems` holds all that were found.

        except tenon.BuildError as error: print(*(problem.message for problem in error.problems), sep="\\n")
    """

    problems: list[Problem]

    def __init__(self, message: str, code: str = "build", problems: tuple[tuple[str, int, str, str, str], ...] = ()) -> None:
        super().__init__(message, code)
        self.problems = [Problem(*problem) for problem in problems]


class PlanError(Error, ValueError):
    """A plan could not be read, or does not fit this library or machine.

        except tenon.PlanError: engine = tenon.build("model.onnx")
    """


class InputError(Error, ValueError):
    """An input or output of a run has the wrong name, dtype, rank, size or value.

        except tenon.InputError as error: print(error)
    """


class RefitError(Error, ValueError):
    r"""New weights were refused, and nothing has changed. `problems` holds one line for each.

        except tenon.RefitError as error: print(*error.problems, sep="\n")
    """

    problems: list[str]

    def __init__(self, message: str, code: str = "refit", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, code)
        self.problems = list(problems)


class NotReadyError(Error, RuntimeError):
    """The engine has no weights yet; refit it first.

        except tenon.NotReadyError: engine.refit("weights.safetensors")
    """


_CLASSES = {each.__name__: each for each in (Error, BuildError, PlanError, InputError, RefitError, NotReadyError)}
_OF_CODES: dict[str, type[Exception]] = {"unsupported": NotImplementedError, "bad_file": ValueError, "invalid_input": ValueError}
# The system's sentences, the longer ones first: one may end with another.
_OF_SYSTEM = sorted(((os.strerror(number), number) for number in errno.errorcode), key=lambda each: -len(each[0]))


def _number_of(message: str) -> int:
    """The errno that the sentence of an io error ends with; EIO for those that are ours."""
    for text, number in _OF_SYSTEM:
        if message.endswith(f": {text}") or f": {text};" in message:
            return number
    return errno.EIO


_JOINED: dict[tuple[type[Error], type[Exception]], type[Error]] = {}


def _joined(base: type[Error], fact: type[Exception]) -> type[Error]:
    """The class under its own name, which is a `fact` too: the same one each time."""
    if issubclass(base, fact):
        return base
    made = type(base.__name__, (base, fact), {"__module__": base.__module__})
    return _JOINED.setdefault((base, fact), made)


def error_of(name: str, message: str, code: str, problems: tuple[Any, ...] = ()) -> Error:
    """The error of a class by name; what the system refused is the OSError that Python has for it."""
    fact: type[Exception] = _OF_CODES.get(code, Error)
    number = _number_of(message) if code == "io" else 0
    if number:
        fact = type(OSError(number, ""))  # FileNotFoundError, say
    joined = _joined(_CLASSES[name], fact)
    error = joined(message, code, problems) if issubclass(joined, BuildError | RefitError) else joined(message, code)
    if isinstance(error, OSError):
        error.errno, error.strerror = number, os.strerror(number)
    return error
