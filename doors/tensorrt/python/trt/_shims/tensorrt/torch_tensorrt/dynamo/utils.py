"""What scripts compare outputs by."""

import torch

COSINE_THRESHOLD = 0.99


def cosine_similarity(expected: torch.Tensor, found: torch.Tensor) -> float:
    """Of the two as vectors; 1 for equal ones, also of zeros."""
    a, b = expected.double().flatten(), found.double().flatten()
    if torch.equal(a, b):
        return 1.0
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0))
