"""A network small enough to check by hand: y = x w + b."""

import numpy as np

import tenon

X = np.array([[1, 2, 3]], np.float32)
W = np.add.outer(np.arange(3), np.arange(4)).astype(np.float32)
B = np.arange(4, dtype=np.float32)


def linear_network(w=W, b=B):
    net = tenon.Network()
    x = net.input("x", ["n", w.shape[0]])
    net.output("y", net.matmul(x, net.weight("w", w), net.weight("b", b)))
    return net


def linear_engine(device, w=W, b=B, **options):
    return tenon.build(linear_network(w, b), device=device, tactics="first", **options)


def large_network(layers=4, width=2048):
    """Enough bytes of weights for a refit of it to take a while."""
    net = tenon.Network()
    x = net.input("x", ["n", width])
    for i in range(layers):
        x = net.matmul(x, net.weight(f"w{i}", np.full((width, width), 1 / width, np.float32)))
    net.output("y", x)
    return net
