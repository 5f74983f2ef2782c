"""What a pickle of an engine calls."""

import tenon


def load_plan(plan: bytes) -> "tenon.Engine":
    return tenon.load(plan)
