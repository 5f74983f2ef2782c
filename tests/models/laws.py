"""The laws of refitting, for a network with two checkpoints; bits are compared, so the kernels are the first that accept."""

import numpy as np
import pytest

import tenon

PARTS = 4


def bits(engine, inputs):
    return {name: (array.shape, array.tobytes()) for name, array in engine.run(inputs).items()}


def in_parts(arrays):
    """Several subsets, each with weights of every stretch of the network."""
    names = sorted(arrays)
    return [{name: arrays[name] for name in names[part::PARTS]} for part in range(PARTS)]


def changes_nothing_when_refused(engine, arrays, inputs):
    kept = bits(engine, inputs)
    bad = {**arrays, "no weight has this name": np.zeros(3, np.float32)}
    with pytest.raises(tenon.RefitError, match="no weight has this name"):
        engine.refit(bad)
    assert bits(engine, inputs) == kept


def hold(first, second, inputs, device, folder):
    """first, second: the model with one and the other checkpoint, as files. Returns the sizes of its full and stripped plan."""
    built = {path: tenon.build(path, device=device, tactics="first") for path in (first, second)}
    was, want = (bits(engine, inputs) for engine in built.values())
    assert was != want, "the checkpoints do not differ"
    old, new = ({name: weight.numpy() for name, weight in engine.weights.items()} for engine in built.values())
    engine = built.pop(first)
    built.clear()

    changes_nothing_when_refused(engine, new, inputs)
    assert bits(engine, inputs) == was
    for part in in_parts(new):
        engine.refit(part)
    assert bits(engine, inputs) == want, "partial refits in a row are not the full one"
    engine.refit(new)
    assert bits(engine, inputs) == want, "the same weights changed something"

    engine.save(folder / "full.plan")
    engine.save(folder / "stripped.plan", strip=True)
    engine.refit(old)
    assert bits(engine, inputs) == was, "A, B, A is not A"
    engine.close()

    loaded = tenon.load(folder / "full.plan", device=device)
    assert bits(loaded, inputs) == want, "saved and loaded it is another"
    loaded.refit(first)
    assert bits(loaded, inputs) == was, "loaded and refitted it is another"
    loaded.close()

    filled = tenon.load(folder / "stripped.plan", device=device)
    assert not filled.ready
    filled.refit(second)
    assert bits(filled, inputs) == want, "stripped and filled it is another"
    return [(folder / name).stat().st_size for name in ("full.plan", "stripped.plan")]
