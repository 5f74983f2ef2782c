"""What the tests of the Python face share."""

import pytest
from linear import linear_engine
from safetensors.numpy import load_file


@pytest.fixture
def trained(mnist):
    """LeNet's weights after training, by name."""
    return load_file(mnist / "lenet_a.safetensors")


@pytest.fixture
def linear(device):
    return linear_engine(device)
