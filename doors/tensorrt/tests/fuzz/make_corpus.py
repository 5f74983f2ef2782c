"""Writes seeds of trt_plan, tests/fuzz/corpus/trt_plan/: plans of the door, with what it keeps in them."""

import pathlib

import numpy as np
import tenon.trt as trt

CORPUS = pathlib.Path(__file__).parents[4] / "tests" / "fuzz" / "corpus" / "trt_plan"


def plan(most, *flags):
    builder = trt.Builder(trt.Logger())
    net = builder.create_network()
    x = net.add_input("x", trt.float32, (-1, 2) if most else (1, 2))
    w = net.add_constant((2, 3), np.arange(6, dtype=np.float32)).get_output(0)
    y = net.add_matrix_multiply(x, trt.MatrixOperation.NONE, w, trt.MatrixOperation.NONE).get_output(0)
    y.name = "y"
    net.mark_output(y)
    config = builder.create_builder_config()
    for flag in flags:
        config.set_flag(flag)
    for extent in range(1, most + 1):
        profile = builder.create_optimization_profile()
        profile.set_shape("x", (1, 2), (extent, 2), (most, 2))
        config.add_optimization_profile(profile)
    return bytes(builder.build_serialized_network(net, config))


if __name__ == "__main__":
    CORPUS.mkdir(parents=True, exist_ok=True)
    flags = trt.BuilderFlag
    (CORPUS / "profiles.plan").write_bytes(plan(2, flags.REFIT))
    (CORPUS / "stripped.plan").write_bytes(plan(0, flags.REFIT, flags.STRIP_PLAN, flags.VERSION_COMPATIBLE))
    (CORPUS / "cache").write_bytes(bytes(trt.Builder(trt.Logger()).create_builder_config().create_timing_cache(b"").serialize()))
