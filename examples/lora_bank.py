"""One compiled network, a bank of low-rank adapters, and a call for each: `python examples/lora_bank.py`."""

import time

import torch
from torch import nn

import tenon.torch

WIDTH, RANK, CUSTOMERS = 512, 8, 20


def network():
    torch.manual_seed(0)
    layers = [layer for _ in range(4) for layer in (nn.Linear(WIDTH, WIDTH), nn.GELU())]
    return nn.Sequential(*layers, nn.Linear(WIDTH, 10)).eval()


def adapter(seed):
    """PEFT's names: a change of rank 8 for two of the layers."""
    random = torch.Generator().manual_seed(seed)
    tensors = {}
    for layer in (0, 4):
        key = f"base_model.model.{layer}"
        tensors[f"{key}.lora_A.weight"] = torch.randn(RANK, WIDTH, generator=random) / WIDTH**0.5
        tensors[f"{key}.lora_B.weight"] = torch.randn(WIDTH, RANK, generator=random) / RANK**0.5
    return tensors


def merged(tensors):
    """The network with one adapter added, in torch: what a customer's answers must be."""
    model = network()
    with torch.no_grad():
        for layer in (0, 4):
            a, b = (tensors[f"base_model.model.{layer}.lora_{which}.weight"] for which in "AB")
            model[layer].weight += b @ a
    return model


def main():
    x = torch.randn(1, WIDTH)
    compiled = tenon.torch.compile(network(), (x,))
    bank = tenon.torch.Bank(compiled)
    start = time.perf_counter()
    for customer in range(CUSTOMERS):
        compiled.adapters.add(f"a{customer}", adapter(customer), scale=0.0)
        bank[f"customer {customer}"] = {"adapters": {f"a{customer}": 1.0}}
    taken = 1e3 * (time.perf_counter() - start) / CUSTOMERS
    print(f"{CUSTOMERS} customers, {taken:.1f} ms each")

    worst = 0.0
    with torch.no_grad():
        for customer in range(CUSTOMERS):
            with bank.use(f"customer {customer}"):
                worst = max(worst, float((compiled(x) - merged(adapter(customer))(x)).abs().max()))
        base = float((compiled(x) - network()(x)).abs().max())
    print(f"largest difference from torch's own merge: {worst:.1e}; without an adapter: {base:.1e}")
    if worst > 1e-4 or base > 1e-4:
        raise SystemExit("a customer was answered with other weights")
    print("Every customer was answered with its own weights.")


if __name__ == "__main__":
    main()
