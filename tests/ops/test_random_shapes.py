"""Convolution, pooling and products at shapes that nobody chose."""

import cases
import hypothesis
from hypothesis import strategies as st

extent, channels = st.integers(1, 40), st.integers(1, 35)
quickly = hypothesis.settings(max_examples=200, deadline=None, derandomize=True, database=None)


def check(line, device):
    problems = cases.check(cases.parse(line, "random"), device)
    assert not problems, "\n".join(problems)


extents_of_images = st.integers(1, 3) | st.integers(1, 24)


@st.composite
def windows(draw, pads_of):
    """Extents, kernel, strides, dilations and pads (from `pads_of(kernel extent)`) that leave at least one window."""
    kernel = draw(st.lists(st.integers(1, 5), min_size=2, max_size=2))
    dilations = draw(st.lists(st.integers(1, 3), min_size=2, max_size=2))
    pads = [draw(pads_of(kernel[i % 2])) for i in range(4)]
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilations)]
    extents = [max(draw(extents_of_images), span - pads[i] - pads[i + 2]) for i, span in enumerate(spans)]
    return kernel, draw(st.lists(st.integers(1, 5), min_size=2, max_size=2)), dilations, pads, extents


def any_pads(_):
    return st.integers(0, 6)


def smaller_pads(kernel):
    return st.integers(0, kernel - 1)


def text(values):
    return "[" + ",".join(str(each) for each in values) + "]"


@quickly
@hypothesis.given(windows(any_pads), st.integers(1, 3), channels, channels, st.sampled_from([1, 1, 2, 5]), st.booleans())
def test_conv(device, window, batch, inputs, outputs, group, biased):
    kernel, strides, dilations, pads, extents = window
    inputs, outputs = inputs * group, outputs * group
    line = f"Conv strides={text(strides)} dilations={text(dilations)} pads={text(pads)} group={group}"
    line += f"  x: f32{text([batch, inputs, *extents])} w: f32{text([outputs, inputs // group, *kernel])}"
    check(line + (f" b: f32[{outputs}]" if biased else "") + "  tol=3e-5", device)


@quickly
@hypothesis.given(windows(smaller_pads), st.integers(1, 3), channels, st.booleans(), st.sampled_from(["Max", "Average"]))
def test_pool(device, window, batch, inputs, ceil_mode, kind):
    kernel, strides, _, pads, extents = window
    line = f"{kind}Pool kernel_shape={text(kernel)} strides={text(strides)} pads={text(pads)}"
    check(f"{line} ceil_mode={int(ceil_mode)}  x: f32{text([batch, inputs, *extents])}", device)


@quickly
@hypothesis.given(st.lists(st.integers(1, 3), max_size=2), extent, st.integers(0, 150), st.integers(1, 150))
def test_matmul(device, batch, m, k, n):
    check(f"MatMul  a: f32{text([*batch, m, k])} b: f32{text([k, n])}  tol=3e-5", device)


@quickly
@hypothesis.given(st.booleans(), st.booleans(), extent, extent, st.integers(1, 90), st.sampled_from(["[]", "[1]", "n"]))
def test_gemm(device, trans_a, trans_b, m, k, n, bias):
    a, b = ([k, m] if trans_a else [m, k]), ([n, k] if trans_b else [k, n])
    line = f"Gemm transA={int(trans_a)} transB={int(trans_b)}  a: f32{text(a)} b: f32{text(b)}"
    check(f"{line} c: f32{bias.replace('n', f'[{n}]')}  tol=3e-5", device)
