"""The examples for PyTorch run to their end."""

from __future__ import annotations

import pathlib
import subprocess
import sys

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def test_torch_refit():
    done = subprocess.run([sys.executable, EXAMPLES / "torch_refit.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Refit successfully!\n")
