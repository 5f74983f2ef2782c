"""The torch door's suite; without PyTorch and its exporter there is nothing to collect."""

from __future__ import annotations

import importlib.util

import pytest

NEEDED = ("torch", "onnx_ir", "onnxscript")
SPECS = [importlib.util.find_spec(name) for name in NEEDED]
if any(spec is None or spec.origin is None for spec in SPECS):  # without it, "torch" is this folder
    collect_ignore_glob = ["test_*.py"]
else:
    import torch
    import torch.utils._pytree as pytree
    from models import ZOO, seeded

    import tenon.torch
    from tenon.torch import _cache

    class Nothing:
        """A cache that keeps nothing."""

        def save(self, hash, blob):
            pass

        def load(self, hash):
            return None

    @pytest.fixture(autouse=True, scope="session")
    def without_memory():
        """A compile that is compared with shall be one: nothing of an earlier test is found."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_cache, "_memory", Nothing())
            patch.delenv("TENON_CACHE_DIR", raising=False)
            yield

    @pytest.fixture(scope="session")
    def fresh():
        """fresh(name, seed): a compiled network of the zoo, once a session; do not refit it in place."""
        made = {}

        def compiled(name, seed=0):
            if (name, seed) not in made:
                make, args = ZOO[name]
                made[name, seed] = tenon.torch.compile(seeded(make, seed), args, tactics="first")
            return made[name, seed]

        return compiled

    @pytest.fixture
    def same():
        """same(a, b): whether two results are equal to the bit."""

        def equal(left, right):
            a, a_spec = pytree.tree_flatten(left)
            b, b_spec = pytree.tree_flatten(right)
            return a_spec == b_spec and all(
                torch.equal(x, y) if isinstance(y, torch.Tensor) else x == y for x, y in zip(a, b)
            )

        return equal

    @pytest.fixture
    def close():
        """close(a, b): whether two results agree within f32's error."""

        def near(left, right):
            a, b = pytree.tree_leaves(left), pytree.tree_leaves(right)
            return len(a) == len(b) and all(torch.allclose(x, y, rtol=1e-4, atol=1e-5) for x, y in zip(a, b))

        return near
