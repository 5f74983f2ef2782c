"""What `inspect.signature` tells of the functions that are bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ast
    import inspect


def _parameters(told: ast.arguments, values: tuple[Any, ...] = ()) -> list[inspect.Parameter]:
    import ast
    import inspect

    kind = inspect.Parameter

    def made(argument: ast.arg, how: Any, default: ast.expr | None = None) -> inspect.Parameter:
        if isinstance(default, ast.Name):  # nanobind writes "\\3" for the fourth of its defaults
            value = values[int(default.id.removeprefix("_"))]
        else:
            value = kind.empty if default is None else ast.literal_eval(default)
        text = kind.empty if argument.annotation is None else ast.unparse(argument.annotation)
        return kind(argument.arg, how, default=value, annotation=text)

    required = len(told.posonlyargs) + len(told.args) - len(told.defaults)
    defaults = [None] * required + list(told.defaults)
    first, rest = defaults[: len(told.posonlyargs)], defaults[len(told.posonlyargs) :]
    result = [made(each, kind.POSITIONAL_ONLY, default) for each, default in zip(told.posonlyargs, first, strict=True)]
    result += [made(each, kind.POSITIONAL_OR_KEYWORD, default) for each, default in zip(told.args, rest, strict=True)]
    if told.vararg:
        result.append(made(told.vararg, kind.VAR_POSITIONAL))
    result += [made(each, kind.KEYWORD_ONLY, default) for each, default in zip(told.kwonlyargs, told.kw_defaults, strict=True)]
    if told.kwarg:
        result.append(made(told.kwarg, kind.VAR_KEYWORD))
    return result


def signature_of(function: Any) -> inspect.Signature:
    """Of a bound function, as the stub has it. AttributeError, as inspect wants it, for those of other packages."""
    import ast
    import inspect

    if not (getattr(function, "__module__", None) or "").startswith("tenon"):
        raise AttributeError("__signature__")
    bound = hasattr(function, "__self__")
    (text, _, *values), *_ = function.__nb_signature__
    (node,) = ast.parse(f"{text}: ...".replace("\\", "_")).body
    assert isinstance(node, ast.FunctionDef)
    returns = inspect.Signature.empty if node.returns is None else ast.unparse(node.returns)
    return inspect.Signature(_parameters(node.args, *values)[bound:], return_annotation=returns)

