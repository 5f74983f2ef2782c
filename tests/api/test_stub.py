"""The Python face as its stub says: a change of it shows in golden/_tenon.pyi."""

import ast
import inspect
import pathlib

import pytest
from linear import linear_engine, linear_network

import tenon

GOLDEN = pathlib.Path(__file__).parent / "golden" / "_tenon.pyi"
BUILT = pathlib.Path(tenon.__file__).parent / "_tenon.pyi"


def test_the_stub_is_the_golden_one():
    assert BUILT.read_text() == GOLDEN.read_text(), f"cp {BUILT} {GOLDEN} where the change is meant"


def defaults(function):
    """{parameter: its default}, as the stub tells."""
    (node,) = (n for n in ast.parse(BUILT.read_text()).body if isinstance(n, ast.FunctionDef) and n.name == function)
    told = node.args
    pairs = [*zip(told.args[::-1], told.defaults[::-1], strict=False), *zip(told.kwonlyargs, told.kw_defaults, strict=True)]
    return {argument.arg: ast.literal_eval(default) for argument, default in pairs}


# Signatures are written by hand, because the bindings take objects: so they are held to what they do.
def test_defaults_are_what_the_stub_says(device, tmp_path):
    plan = tmp_path / "plan"

    def saved(engine):
        engine.save(tmp_path / "again")
        return (tmp_path / "again").read_bytes()

    linear_engine(device).save(plan)
    for make, what, base in (
        (tenon.build, linear_network(), {"tactics": "first", "device": device}),
        (tenon.load, plan, {"device": device}),
    ):
        told = defaults(make.__name__)
        assert len(told) > 5 and "device" in told
        want = saved(make(what, **base))
        for name in told.keys() - {"device", "tactics"}:
            assert saved(make(what, **base, **{name: told[name]})) == want, name
    with pytest.raises(TypeError):
        tenon.build(linear_network(), device)


def test_the_package_is_typed():
    assert (BUILT.parent / "py.typed").exists()


def test_all_names_are_there():
    for name in tenon.__all__:
        assert hasattr(tenon, name), name
    for error in ("BuildError", "PlanError", "InputError", "RefitError", "NotReadyError"):
        assert issubclass(getattr(tenon, error), tenon.Error)
    assert tenon.__version__ == "0.1.0"


def test_every_public_thing_says_what_it_does():
    for name in tenon.__all__:
        thing = getattr(tenon, name)
        assert name == "__version__" or inspect.getdoc(thing), name
