"""Compiles a LeNet of random weights, trains it in torch, and refits what was compiled: `python examples/torch_refit.py`."""

import gzip
import pathlib
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import tenon.torch
from tenon.torch import refit_module_weights

DATA = pathlib.Path(__file__).parent.parent / "tests" / "data" / "mnist"
TRAINED = 8000  # images; the other 2,000 are held back


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 20, 5), nn.Conv2d(20, 50, 5)
        self.fc1, self.fc2 = nn.Linear(800, 128), nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(self.conv1(x), 2)
        x = F.max_pool2d(self.conv2(x), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def read_idx(name):
    """An IDX file (gzip) of bytes, as its array."""
    raw = gzip.decompress((DATA / name).read_bytes())
    rank = raw[3]
    shape = np.frombuffer(raw, ">i4", rank, 4)
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape).copy())


def train(model, images, labels, epochs=2):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(TRAINED).split(100):
            optimizer.zero_grad()
            F.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
    return model.eval()


def accuracy(model, images, labels):
    with torch.no_grad():
        return float((model(images[TRAINED:]).argmax(1) == labels[TRAINED:]).float().mean())


def main():
    torch.manual_seed(0)
    images = read_idx("t10k-images-idx3-ubyte.gz")[:, None].float() / 255
    labels = read_idx("t10k-labels-idx1-ubyte.gz").long()

    model = LeNet().eval()
    batch = torch.export.Dim("batch", min=1, max=len(images))
    compiled = tenon.torch.compile(model, (images[:2],), dynamic_shapes=({0: batch},))
    print(f"compiled with random weights: {100 * accuracy(compiled, images, labels):.1f} % of 2,000 digits")

    train(model, images, labels)
    print(f"trained in torch:             {100 * accuracy(model, images, labels):.1f} %")

    weights = model.state_dict()
    start = time.perf_counter()
    report = compiled.refit(weights)
    taken = 1e3 * (time.perf_counter() - start)
    print(
        f"refitted:                     {100 * accuracy(compiled, images, labels):.1f} %, "
        f"{len(report.changed)} weights in {taken:.1f} ms"
    )

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "lenet.ep"
        tenon.torch.save(compiled, path, strip=True)
        program = tenon.torch.load(path)
        exported = torch.export.export(model, (images[:2],), dynamic_shapes=({0: batch},), strict=False)
        filled = refit_module_weights(program, exported, (images[:100],), verify_output=True)
        print(f"loaded without weights, filled, verified: {100 * accuracy(filled, images, labels):.1f} %")

    same = accuracy(compiled, images, labels) == accuracy(filled, images, labels)
    if not same or accuracy(compiled, images, labels) < 0.9:
        raise SystemExit("the refitted module does not answer as the trained one")
    print("Refit successfully!")


if __name__ == "__main__":
    main()
