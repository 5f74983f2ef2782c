"""Ctrl-C while a module is compiled or refitted: KeyboardInterrupt, and nothing is half done."""

from __future__ import annotations

import _thread
import itertools
import threading

import pytest
import torch
from models import seeded
from torch import nn

import tenon.torch

X = torch.randn(2, 1024)


def wide():
    return nn.Sequential(*(nn.Linear(1024, 1024) for _ in range(8)))


def interrupted(seconds, work):
    """Repeats work() until Ctrl-C, which comes after so many seconds, has ended it."""
    timer = threading.Timer(seconds, _thread.interrupt_main)
    with pytest.raises(KeyboardInterrupt):
        timer.start()  # in here: on a busy machine it may come at once
        while True:
            work()
    timer.join()


@pytest.mark.parametrize("milliseconds", [3, 11, 30, 57])
def test_a_refit_is_done_or_not(same, milliseconds):
    states = [seeded(wide, seed).state_dict() for seed in (1, 2)]
    compiled = tenon.torch.compile(seeded(wide), (X,), tactics="first")
    answers = [compiled(X)]
    for state in states:
        compiled.refit(state)
        answers.append(compiled(X))
    turns = itertools.cycle(states)
    interrupted(milliseconds / 1000, lambda: compiled.refit(next(turns)))
    assert any(same(compiled(X), each) for each in answers[1:])
    compiled.refit(states[0])
    assert same(compiled(X), answers[1])


@pytest.mark.parametrize("milliseconds", [20, 400, 900])
def test_a_compile_ends_and_the_next_one_works(close, milliseconds):
    module = seeded(wide)
    interrupted(
        milliseconds / 1000, lambda: tenon.torch.compile(module, (X,), tactics="first", cache=False)
    )
    with torch.no_grad():
        assert close(tenon.torch.compile(module, (X,), tactics="first", cache=False)(X), module(X))
