"""Finds the faces of a photograph and draws boxes around them: `./run python examples/faces.py [PHOTO [PICTURE]]`."""

import pathlib
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import tenon

Array = NDArray[Any]

ROOT = pathlib.Path(__file__).parent.parent
DATA = ROOT / "tests" / "data" / "faces"
SIZE = (320, 240)  # what the network sees
LEAST_SCORE = 0.7
MOST_OVERLAP = 0.3  # of two boxes of one face: intersection over union


def prepared(photo: Image.Image) -> Array:
    values = np.asarray(photo.resize(SIZE), np.float32)
    return ((values - 127) / 128).transpose(2, 0, 1)[None]


def overlap(box: Array, boxes: Array) -> Array:
    """Intersection over union of one box and several: left, top, right, bottom."""
    begin, end = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    common = np.prod(np.maximum(end - begin, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    joined: Array = common / (np.prod(box[2:] - box[:2]) + areas - common)
    return joined


def best(scores: Array, boxes: Array) -> list[tuple[float, Array]]:
    """Of boxes that overlap the one with the highest score: one a face."""
    sure = scores > LEAST_SCORE
    scores, boxes = scores[sure], boxes[sure]
    order = np.argsort(-scores)
    faces: list[tuple[float, Array]] = []
    while order.size:
        first = order[0]
        faces.append((float(scores[first]), boxes[first]))
        order = order[overlap(boxes[first], boxes[order]) <= MOST_OVERLAP]
    return faces


def find(engine: tenon.Engine, photo: Image.Image) -> list[tuple[float, Array]]:
    """Scores and boxes in pixels of the photograph."""
    made = engine.run({"input": prepared(photo)})
    return best(made["scores"][0, :, 1], made["boxes"][0] * np.tile(photo.size, 2))


def draw(photo: Image.Image, faces: list[tuple[float, Array]]) -> None:
    pen = ImageDraw.Draw(photo)
    for score, (left, top, right, bottom) in faces:
        pen.rectangle((left, top, right, bottom), outline="lime", width=2)
        pen.text((left, top - 12), f"{score:.2f}", fill="lime")


def main(path: pathlib.Path = DATA / "3.jpg", picture: pathlib.Path = pathlib.Path("faces.png")) -> None:
    engine = tenon.build(DATA / "version-RFB-320.onnx")
    photo = Image.open(path).convert("RGB")
    faces = find(engine, photo)
    draw(photo, faces)
    photo.save(picture)
    print(f"{len(faces)} faces in {path.name}, drawn into {picture}")


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:3]))
