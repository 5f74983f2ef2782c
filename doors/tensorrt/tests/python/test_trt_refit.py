"""Refits through Python."""

import gc
import itertools
import weakref

import numpy as np
import pytest
import tenon.trt as trt
from small import Records, answer, build, engine, network, quiet, run, sample, weights


class Watched(np.ndarray):
    """An array that can be watched for its end."""


def test_names_and_roles_are_two_ways_to_one_slot():
    old, new, x = weights(1), weights(2), sample()
    builder = trt.Builder(quiet())
    config = builder.create_builder_config()
    config.set_flag(trt.BuilderFlag.REFIT)
    made = builder.build_engine_with_config(network(builder, old), config)
    refitter = trt.Refitter(made, quiet())
    assert refitter.get_all_weights() == ["conv1.weight", "conv_1 BIAS", "fc CONSTANT"]
    layers, roles = refitter.get_all()
    assert [(layer, role.name) for layer, role in zip(layers, roles)] == [
        ("conv_1", "KERNEL"),
        ("conv_1", "BIAS"),
        ("fc", "CONSTANT"),
    ]
    assert refitter.set_weights("conv_1", trt.WeightsRole.KERNEL, old["kernel"])
    assert refitter.set_named_weights("conv1.weight", new["kernel"])
    assert refitter.set_weights("conv_1", trt.WeightsRole.BIAS, new["bias"])
    assert refitter.set_named_weights("fc CONSTANT", new["matrix"], trt.TensorLocation.DEVICE)
    assert refitter.get_missing_weights() == [] and refitter.get_missing() == ([], [])
    np.testing.assert_allclose(run(made, x), answer(old, x), rtol=1e-4, atol=1e-5)
    assert refitter.refit_cuda_engine()
    np.testing.assert_array_equal(run(made, x), run(engine(new), x))
    assert refitter.get_weights_location("fc CONSTANT") == trt.TensorLocation.DEVICE


def test_values_are_read_when_the_refit_comes():
    w, x = weights(1), sample()
    made = engine(w)
    refitter = trt.Refitter(made, quiet())
    kernel = np.zeros_like(w["kernel"])
    assert refitter.set_named_weights("conv1.weight", kernel)
    for seed in (5, 6):
        w["kernel"] = kernel[:] = weights(seed)["kernel"]
        assert refitter.refit_cuda_engine_async(0)
        np.testing.assert_allclose(run(made, x), answer(w, x), rtol=1e-4, atol=1e-5)


def test_a_refitter_keeps_an_array_until_another_takes_its_place():
    refitter = trt.Refitter(engine(weights(1)), quiet())
    first = weights(2)["kernel"].view(Watched)
    watch = weakref.ref(first)
    assert refitter.set_named_weights("conv1.weight", first)
    del first
    gc.collect()
    assert watch() is not None
    assert refitter.refit_cuda_engine()
    assert refitter.set_named_weights("conv1.weight", weights(3)["kernel"])
    gc.collect()
    assert watch() is None
    last = weights(4)["kernel"].view(Watched)
    watch = weakref.ref(last)
    assert refitter.set_named_weights("conv1.weight", last)
    del last
    assert refitter.unset_named_weights("conv1.weight")
    gc.collect()
    assert watch() is None


def test_what_does_not_fit_is_false_and_changes_nothing():
    w, x, logger = weights(1), sample(), Records()
    made = engine(w)
    refitter = trt.Refitter(made, logger)
    assert not refitter.set_named_weights("conv1.weigth", w["kernel"])
    assert 'the nearest is "conv1.weight"' in logger.errors()[-1]
    assert not refitter.set_weights("conv_1", trt.WeightsRole.BIAS, np.zeros(4, np.float32))
    assert not refitter.set_weights("conv_1", trt.WeightsRole.BIAS, np.zeros(3, np.float16))
    with pytest.raises(ValueError):
        refitter.set_weights("conv_1", trt.WeightsRole.BIAS, np.zeros(3))
    assert len(logger.lines) == 3
    assert refitter.refit_cuda_engine()
    np.testing.assert_allclose(run(made, x), answer(w, x), rtol=1e-4, atol=1e-5)
    assert refitter.get_weights_prototype("conv1.weight").size == 54
    assert refitter.get_weights_prototype("nobody").size == -1


def test_a_frozen_engine_has_no_refitter():
    frozen = engine(weights(1), trt.BuilderFlag.TF32)
    logger = Records()
    with pytest.raises(TypeError, match="factory function returned nullptr") as caught:
        trt.Refitter(frozen, logger)
    assert "REFIT" in str(caught.value) and len(logger.errors()) == 1
    assert not frozen.refittable


def test_a_stripped_plan_is_filled_and_saved():
    w, x, logger = weights(1), sample(), quiet()
    plan = build(w, trt.BuilderFlag.REFIT, trt.BuilderFlag.STRIP_PLAN)
    assert w["matrix"].tobytes() not in plan and w["matrix"].tobytes() in build(
        w, trt.BuilderFlag.REFIT
    )
    made = trt.Runtime(logger).deserialize_cuda_engine(plan)
    refitter = trt.Refitter(made, logger)
    assert len(refitter.get_missing_weights()) == 3 and not refitter.refit_cuda_engine()
    assert not made.create_execution_context().execute_async_v3(0)
    for name, each in zip(["conv1.weight", "conv_1 BIAS", "fc CONSTANT"], ["kernel", "bias", "matrix"]):
        assert refitter.set_named_weights(name, w[each])
    assert refitter.refit_cuda_engine()
    np.testing.assert_array_equal(run(made, x), run(engine(w), x))
    config = made.create_serialization_config()
    config.flags &= ~(1 << int(trt.SerializationFlag.EXCLUDE_WEIGHTS))
    with pytest.raises(RuntimeError, match="serialization flags"):
        config.flags = 1 << 20
    full = made.serialize_with_config(config)
    again = trt.Runtime(logger).deserialize_cuda_engine(full)
    np.testing.assert_array_equal(run(again, x), run(made, x))


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_objects_end_in_any_order(order):
    logger = Records()
    runtime = trt.Runtime(logger)
    made = runtime.deserialize_cuda_engine(
        build(weights(1), trt.BuilderFlag.REFIT)
    )
    objects = [runtime, made, made.create_execution_context(), trt.Refitter(made, logger)]
    del logger, runtime, made
    for i in order:
        objects[i] = None
        gc.collect()
