"""The Python face as its stub says: a change of it shows in golden/_tenon.pyi."""

import inspect
import pathlib

import tenon

GOLDEN = pathlib.Path(__file__).parent / "golden" / "_tenon.pyi"
BUILT = pathlib.Path(tenon.__file__).parent / "_tenon.pyi"


def test_the_stub_is_the_golden_one():
    assert BUILT.read_text() == GOLDEN.read_text(), f"cp {BUILT} {GOLDEN} where the change is meant"


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
