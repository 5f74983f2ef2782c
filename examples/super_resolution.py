"""Enlarges a photograph threefold before and after a refit, into one picture: `./run python examples/super_resolution.py [PICTURE]`."""

import pathlib
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import tenon

Array = NDArray[Any]

ROOT = pathlib.Path(__file__).parent.parent
DATA = ROOT / "tests" / "data" / "super_resolution"


def reduced(photo: Array) -> Array:
    height, width = photo.shape
    return np.asarray(Image.fromarray(photo).resize((width // 3, height // 3), Image.Resampling.BICUBIC))


def enlarged(engine: tenon.Engine, small: Array) -> Array:
    """By the network, which takes and gives brightness from 0 to 1."""
    made: Array = engine(small[None, None].astype(np.float32) / 255)
    bounded: Array = made[0, 0].clip(0, 1)
    return bounded


def psnr(made: Array, photo: Array) -> float:
    """Peak signal to noise ratio, in decibels, of brightness from 0 to 1."""
    return float(-10 * np.log10(np.mean((made - photo / np.float32(255)) ** 2)))


def main(picture: pathlib.Path = pathlib.Path("super_resolution.png")) -> None:
    photo: Array = np.load(DATA / "photo.npy")
    small = reduced(photo)
    engine = tenon.build(DATA / "super_resolution.onnx")
    before = enlarged(engine, small)
    engine.refit(DATA / "super_resolution_a.safetensors")
    after = enlarged(engine, small)

    bicubic = Image.fromarray(small).resize(photo.shape[::-1], Image.Resampling.BICUBIC)
    beside = np.asarray(bicubic, np.float32) / 255
    for what, made in (("before the refit", before), ("bicubic", beside), ("after the refit", after)):
        print(f"{what:<17} {psnr(made, photo):5.2f} dB")
    Image.fromarray(np.hstack([(255 * made).round().astype(np.uint8) for made in (before, beside, after)])).save(picture)
    print(f"all three, side by side, in {picture}")


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:2]))
