"""Reads 10,000 handwritten digits before and after a refit: `./run demo`."""

import gzip
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]

import tenon

Array = NDArray[Any]

ROOT = pathlib.Path(__file__).parent.parent
DATA = ROOT / "tests" / "data" / "mnist"
HELD_BACK = 8000  # lenet_a was trained on the images before this one


def read_idx(name: str) -> Array:
    """An IDX file (gzip) of bytes, as its array."""
    raw = gzip.decompress((DATA / name).read_bytes())
    rank = raw[3]
    shape = np.frombuffer(raw, ">i4", rank, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def lenet(weights: Mapping[str, Array]) -> tenon.Network:
    """The network of lenet.onnx, built by hand."""
    net = tenon.Network()
    w = {name: net.weight(name, array) for name, array in weights.items()}
    x = net.input("input", ["n", 1, 28, 28])
    for conv in ("conv1", "conv2"):
        x = net.conv(x, w[f"{conv}.weight"], w[f"{conv}.bias"])
        x = net.max_pool(x, [2, 2], strides=[2, 2])
    x = net.reshape(x, [0, 800])
    x = net.relu(net.matmul(x, w["fc1.weight"], w["fc1.bias"], transpose_b=True))
    net.output("output", net.matmul(x, w["fc2.weight"], w["fc2.bias"], transpose_b=True))
    return net


def answers(engine: tenon.Engine, images: Array) -> Array:
    scores: Array = engine(images)
    return scores.argmax(axis=1)


def show(what: str, given: Array, labels: Array) -> float:
    right = given == labels
    print(f"  {what:<28} {100 * right.mean():6.2f} % of 10,000 images, "
          f"{100 * right[HELD_BACK:].mean():6.2f} % of the 2,000 never trained on")
    return float(right.mean())


def median_ms(work: Callable[[], object], times: int = 50) -> float:
    taken: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return 1e3 * float(np.median(taken))


def copy_ms(arrays: Sequence[Array]) -> float:
    """A plain copy of the same bytes, for comparison."""
    targets = [np.empty_like(array) for array in arrays]

    def copy() -> None:
        for source, target in zip(arrays, targets):
            np.copyto(target, source)

    return median_ms(copy)


def draw(images: Array, labels: Array, before: Array, after: Array, path: pathlib.Path) -> None:
    """A grid of digits, each with the answers before (red where wrong) and after."""
    columns, rows, cell = 16, 8, 64
    sheet = Image.new("RGB", (columns * cell, rows * (cell + 18)), "white")
    pen = ImageDraw.Draw(sheet)
    for i in range(columns * rows):
        x, y = i % columns * cell, i // columns * (cell + 18)
        digit = Image.fromarray(255 - images[HELD_BACK + i]).resize((cell - 8, cell - 8))
        sheet.paste(digit, (x + 4, y + 2))
        for at, given in ((8, before), (36, after)):
            answer = given[HELD_BACK + i]
            colour = "green" if answer == labels[HELD_BACK + i] else "red"
            pen.text((x + at, y + cell - 2), f"{'->' if at == 36 else ''}{answer}", fill=colour)
    sheet.save(path)


def refit_times(engine: tenon.Engine, arrays: Mapping[str, Array], file: pathlib.Path) -> None:
    # The first refit makes the second set of buffers; later ones use the two in turn.
    start = time.perf_counter()
    report = engine.refit(file)
    first = 1e3 * (time.perf_counter() - start)
    size = sum(array.nbytes for array in arrays.values())
    print(f"  refitted {len(report.changed)} weights, {size / 1e6:.2f} MB:")
    print(f"    first, from the file         {first:7.3f} ms")
    print(f"    steady, from the file        {median_ms(lambda: engine.refit(file)):7.3f} ms")
    print(f"    steady, from arrays          {median_ms(lambda: engine.refit(arrays)):7.3f} ms")
    print(f"    a plain copy of these bytes  {copy_ms(list(arrays.values())):7.3f} ms")


def round_trip(engine: tenon.Engine, images: Array, folder: pathlib.Path) -> bool:
    """Save, strip, load and fill; True when every output keeps its bits."""
    want: Array = engine(images)
    plan, stripped, again = folder / "lenet.plan", folder / "stripped.plan", folder / "filled.plan"
    engine.save(plan)
    engine.save(stripped, strip=True)
    print(f"  plan {plan.stat().st_size:,} bytes, stripped {stripped.stat().st_size:,} bytes")
    loaded = tenon.load(plan)
    filled = tenon.load(stripped)
    try:
        filled(images[:1])
    except tenon.NotReadyError as error:
        print(f"  the stripped one answers: {error}")
    filled.refit(plan)
    filled.save(again)
    return all(np.array_equal(want, e(images)) for e in (loaded, filled, tenon.load(again)))


def main() -> None:
    pixels, labels = read_idx("t10k-images-idx3-ubyte.gz"), read_idx("t10k-labels-idx1-ubyte.gz")
    images = (pixels.astype(np.float32) / 255)[:, None]
    trained = DATA / "lenet_a.safetensors"

    print("lenet.onnx, random weights")
    engine = tenon.build(DATA / "lenet.onnx")
    before = answers(engine, images)
    low = show("before", before, labels)
    refit_times(engine, load_file(trained), trained)
    after = answers(engine, images)
    high = show("after", after, labels)

    print("the same network through tenon.Network")
    random = {name: weight.numpy() for name, weight in tenon.build(DATA / "lenet.onnx").weights.items()}
    by_hand = tenon.build(lenet(random))
    show("before", answers(by_hand, images), labels)
    by_hand.refit(trained)
    show("after", answers(by_hand, images), labels)

    print("save, strip, load, fill")
    with tempfile.TemporaryDirectory() as folder:
        same = round_trip(engine, images, pathlib.Path(folder))
    print(f"  outputs are {'equal bit for bit' if same else 'DIFFERENT'}")

    draw(pixels, labels, before, after, ROOT / "demo.png")
    print("wrote demo.png")
    if not (same and low < 0.2 and high >= 0.98):
        sys.exit("the demo did not go as it should")


if __name__ == "__main__":
    main()
