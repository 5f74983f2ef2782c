"""What the tests share: the device they run on, and the data."""

import os
import pathlib

import pytest

DATA = pathlib.Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def device():
    """The device that TENON_TEST_DEVICE names: the whole suite runs on every backend."""
    return os.environ.get("TENON_TEST_DEVICE", "cpu")


@pytest.fixture(scope="session")
def mnist():
    return DATA / "mnist"
