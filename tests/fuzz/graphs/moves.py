"""Ops that move elements."""

import numpy as np
from kinds import ANY, NUMBERS, kind
from maker import Unfit


@kind
def transpose(make):
    x = make.value(dtypes=ANY, low=1)
    make.add("Transpose", x, exact=True, perm=[int(axis) for axis in make.rng.permutation(x.rank)])


@kind
def reshape(make):
    x = make.value(dtypes=ANY)
    if not x.array.size:
        raise Unfit
    shape = factors(make, x.array.size)
    if make.chance(0.5) and shape:
        shape[make.integer(0, len(shape) - 1)] = -1
    make.add("Reshape", x, make.list(shape), exact=True)


@kind
def flatten(make):
    x = make.value(dtypes=ANY, low=1)
    make.add("Flatten", x, exact=True, axis=make.integer(-x.rank, x.rank))


@kind
def squeeze(make):
    x = make.value(lambda v: 1 in v.shape, ANY)
    ones = [axis for axis, extent in enumerate(x.shape) if extent == 1]
    make.add("Squeeze", x, *([make.list(ones[: make.integer(1, len(ones))])] if make.chance(0.7) else []), exact=True)


@kind
def unsqueeze(make):
    x = make.value(dtypes=ANY, high=3)
    make.add("Unsqueeze", x, make.list([make.integer(-x.rank - 1, x.rank)]), exact=True)


@kind
def slices(make):
    x = make.value(dtypes=ANY, low=1)
    axes = [int(axis) for axis in make.rng.permutation(x.rank)[: make.integer(1, x.rank)]]
    steps = [make.one_of([1, 1, 1, 2, 3, -1, -2]) for _ in axes]
    starts, ends = ([make.integer(-x.shape[axis] - 2, x.shape[axis] + 2) for axis in axes] for _ in "ab")
    make.add("Slice", x, *map(make.list, (starts, ends, axes, steps)), exact=True)


@kind
def concat(make):
    x = make.value(dtypes=ANY, low=1)
    axis = make.integer(-x.rank, x.rank - 1)
    parts = [x]
    for _ in range(make.integer(0, 2)):
        shape = list(x.shape)
        shape[axis] = make.integer(0, 3)
        parts.append(x if make.chance(0.3) else make.fresh(x.dtype, tuple(shape)))
    make.rng.shuffle(parts)
    make.add("Concat", *parts, exact=True, axis=axis)


@kind
def split(make):
    x = make.value(dtypes=ANY, low=1)
    axis = make.integer(0, x.rank - 1)
    if x.shape[axis] < 2:
        raise Unfit
    cut = make.integer(0, x.shape[axis])
    make.add("Split", x, make.list([cut, x.shape[axis] - cut]), outputs=2, exact=True, axis=axis)


def indices(make, shape, extent):
    if not extent:
        raise Unfit
    return make.fresh(make.one_of(["int64", "int32"]), shape, -extent, extent - 1)


@kind
def gather(make):
    x = make.value(dtypes=ANY, low=1)
    axis = make.integer(-x.rank, x.rank - 1)
    make.add("Gather", x, indices(make, make.shape(0, 2), x.shape[axis]), exact=True, axis=axis)


@kind
def gather_elements(make):
    x = make.value(dtypes=ANY, low=1)
    axis = make.integer(0, x.rank - 1)
    shape = [make.integer(0, extent) if i != axis else make.integer(0, 4) for i, extent in enumerate(x.shape)]
    make.add("GatherElements", x, indices(make, tuple(shape), x.shape[axis]), exact=True, axis=axis)


@kind
def gather_nd(make):
    x = make.value(lambda v: v.array.size, ANY, low=1)
    deep = make.integer(1, x.rank)
    drawn = [make.rng.integers(-extent, extent, make.integer(1, 4)) for extent in x.shape[:deep]]
    count = min(map(len, drawn))
    index = make.leaf(np.stack([each[:count] for each in drawn], -1).astype(np.int64), make.inputs)
    make.add("GatherND", x, index, exact=True)


@kind
def scatter_elements(make):
    x = make.value(lambda v: v.array.size, NUMBERS, low=1)
    axis = make.integer(0, x.rank - 1)
    places = make.rng.permutation(x.shape[axis])[: make.integer(1, x.shape[axis])]
    shape = [len(places) if i == axis else 1 for i in range(x.rank)]
    wide = [len(places) if i == axis else extent for i, extent in enumerate(x.shape)]
    index = np.broadcast_to(places.reshape(shape), wide).astype(np.int64)
    reduction = make.one_of(["none", "add", "mul"])
    exact = reduction == "none" or not x.floating
    make.add("ScatterElements", x, make.leaf(index.copy(), make.inputs), make.fresh(x.dtype, tuple(wide)), exact=exact, axis=axis, reduction=reduction)


@kind
def expand(make):
    x = make.value(dtypes=ANY, high=3)
    shape = [make.integer(0, 4) if extent == 1 else make.one_of([1, extent]) for extent in x.shape]
    make.add("Expand", x, make.list(([make.integer(1, 3)] if make.chance(0.3) else []) + shape), exact=True)


@kind
def tile(make):
    x = make.value(dtypes=ANY, high=3)
    make.add("Tile", x, make.list([make.integer(0, 3) for _ in x.shape]), exact=True)


@kind
def pad(make):
    x = make.value(dtypes=NUMBERS, low=1)
    mode = make.one_of(["constant", "constant", "edge", "reflect", "wrap"])
    if mode != "constant" and not x.array.size:
        raise Unfit
    most = [extent - 1 if mode == "reflect" else 3 if mode != "wrap" else extent for extent in x.shape]
    pads = [make.integer(0, max(0, each)) for each in 2 * most]
    if mode == "constant":
        pads = [each - (make.chance(0.1) and x.shape[i % x.rank] > 2) for i, each in enumerate(pads)]
    make.add("Pad", x, make.list(pads), *([make.fresh(x.dtype, ())] if mode == "constant" else []), exact=True, mode=mode)


@kind
def depth_to_space(make):
    block, shape = make.integer(1, 3), [make.integer(1, 3) for _ in range(4)]
    if make.chance(0.5):
        shape[1] *= block * block
        make.add("DepthToSpace", make.fresh("float32", tuple(shape)), exact=True, blocksize=block, mode=make.one_of(["DCR", "CRD"]))
    else:
        shape[2:] = [extent * block for extent in shape[2:]]
        make.add("SpaceToDepth", make.fresh("float32", tuple(shape)), exact=True, blocksize=block)


@kind
def trilu(make):
    x = make.value(dtypes=ANY, low=2)
    make.add("Trilu", x, *([make.list(make.integer(-3, 3))] if make.chance(0.5) else []), exact=True, upper=make.integer(0, 1))


@kind
def shape_of(make):
    make.add(make.one_of(["Shape", "Size", "Identity"]), make.value(dtypes=ANY), exact=True)


@kind
def one_hot(make):
    index = make.fresh("int64", make.shape(0, 2), -3, 2)
    values = make.fresh("float32", (2,))
    make.add("OneHot", index, make.list(make.integer(3, 5)), values, axis=make.integer(-1, index.rank))




def factors(make, size):
    """A shape of so many elements."""
    shape = []
    while size > 1 and len(shape) < 3:
        divisors = [d for d in range(1, size + 1) if size % d == 0]
        shape.append(make.one_of(divisors))
        size //= shape[-1]
    return shape + ([size] if size > 1 else []) + ([1] if make.chance(0.2) else [])
