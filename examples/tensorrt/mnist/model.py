"""The digits of a data folder, and weights that were trained on such digits."""

import gzip
import json
import os

import numpy as np

DTYPES = {"F32": np.float32}


def load_idx(path):
    """An array of MNIST's file format: two zero bytes, the type, the rank, the extents."""
    with gzip.open(path, "rb") as file:
        data = file.read()
    rank = data[3]
    extents = np.frombuffer(data, ">i4", rank, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(extents)


def load_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    return {
        name: np.frombuffer(data[slice(*each["data_offsets"])], DTYPES[each["dtype"]]).reshape(
            each["shape"]
        )
        for name, each in header.items()
        if name != "__metadata__"
    }


class MnistModel:
    """A trained LeNet and its test cases: all, or the last ones."""

    def __init__(self, data_dir, last=0):
        images = load_idx(os.path.join(data_dir, "t10k-images-idx3-ubyte.gz"))
        self.images = images.astype(np.float32) / 255
        self.labels = load_idx(os.path.join(data_dir, "t10k-labels-idx1-ubyte.gz"))
        self.images, self.labels = self.images[-last:], self.labels[-last:]
        self.weights = load_safetensors(os.path.join(data_dir, "lenet_a.safetensors"))

    def get_weights(self):
        return self.weights

    def get_test_cases(self):
        for image, label in zip(self.images, self.labels):
            yield np.ascontiguousarray(image.ravel(), np.float32), int(label)
