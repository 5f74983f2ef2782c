"""The examples for PyTorch run to their end."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("torch_refit.py", "Refit successfully!\n"),
        ("lora_bank.py", "Every customer was answered with its own weights.\n"),
    ],
)
def test_example(name, end):
    done = subprocess.run([sys.executable, EXAMPLES / name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(end)
