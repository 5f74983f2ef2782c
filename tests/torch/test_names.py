"""Scripts written for torch_tensorrt, with their import lines changed."""

from __future__ import annotations

import logging
import pathlib

import pytest
import torch
from models import Mlp, ResNet18, seeded

import tenon
import tenon.torch as torch_trt
from tenon.torch import _settings
from tenon.torch.dynamo import refit_module_weights

X = torch.randn(2, 4)


def test_the_refit_example(tmp_path, close):
    inputs = [torch.rand((1, 3, 32, 32))]
    exp_program = torch.export.export(seeded(ResNet18), tuple(inputs))
    trt_gm = torch_trt.dynamo.compile(
        exp_program,
        tuple(inputs),
        use_python_runtime=False,
        enabled_precisions={torch.float},
        debug=False,
        workspace_size=20 << 30,
        min_block_size=0,
        torch_executed_ops={},
        make_refitable=True,
    )
    torch_trt.save(trt_gm, tmp_path / "compiled.ep", inputs=inputs)
    exp_program2 = torch.export.export(seeded(ResNet18, 1), tuple(inputs))
    compiled_trt_ep = torch_trt.load(tmp_path / "compiled.ep")
    new_trt_gm = refit_module_weights(
        compiled_module=compiled_trt_ep, new_weight_module=exp_program2, arg_inputs=inputs
    )
    assert close(new_trt_gm(*inputs), exp_program2.module()(*inputs))


def test_ir_in_second_place_and_arg_inputs(same):
    compiled = torch_trt.compile(seeded(Mlp), "dynamo", arg_inputs=[X], tactics="first")
    assert same(compiled(X), torch_trt.compile(seeded(Mlp), (X,), tactics="first")(X))


@pytest.mark.parametrize(
    ("settings", "weights"),
    [
        ({}, 4),
        ({"make_refitable": True}, 4),
        ({"make_refittable": True}, 4),
        ({"refit": True}, 4),
        ({"immutable_weights": False}, 4),
        ({"immutable_weights": True}, 0),
        ({"refit": False}, 0),
    ],
)
def test_what_is_refittable(settings, weights):
    compiled = torch_trt.compile(seeded(Mlp), (X,), tactics="first", **settings)
    assert len(compiled.engines[0].weights) == weights


def test_inputs_by_shape(close):
    ranged = torch_trt.Input(min_shape=(1, 4), opt_shape=(3, 4), max_shape=(8, 4))
    module = seeded(Mlp)
    compiled = torch_trt.compile(module, [ranged], tactics="first")
    with torch.no_grad():
        for batch in (1, 2, 8):
            x = torch.randn(batch, 4)
            assert close(compiled(x), module(x))
    with pytest.raises(tenon.InputError, match="is 9, outside 1..8"):
        compiled(torch.randn(9, 4))
    program = torch_trt.dynamo.trace(module, [ranged])
    assert close(torch_trt.dynamo.compile(program, [ranged])(X), program.module()(X))


def test_full_compilation_refuses_torch():
    with pytest.raises(tenon.BuildError):
        torch_trt.compile(
            seeded(Mlp),
            (X,),
            require_full_compilation=True,
            torch_executed_ops={"aten.relu"},
            tactics="first",
        )


def test_settings_without_effect_are_logged_in_one_line(caplog):
    with caplog.at_level(logging.INFO, "tenon"):
        torch_trt.compile(seeded(Mlp), (X,), tactics="first", debug=True, workspace_size=1)
    assert [r.getMessage() for r in caplog.records if r.name == "tenon"] == [
        "settings without effect here: debug, workspace_size"
    ]


def test_devices_and_log_levels():
    device = torch_trt.Device("cpu")
    with torch_trt.logging.errors():
        assert logging.getLogger("tenon").level == logging.ERROR
        torch_trt.compile(seeded(Mlp), (X,), device=device, tactics="first")
    assert logging.getLogger("tenon").level != logging.ERROR
    for gpu in (torch_trt.Device(gpu_id=1), torch_trt.Device("gpu:1"), torch.device("cuda:1"), "cuda:1"):
        with pytest.raises(tenon.InputError, match="device is cuda:1; modules are compiled for the CPU"):
            torch_trt.compile(seeded(Mlp), (X,), device=gpu)


def test_their_mutable_module(close):
    module = seeded(Mlp)
    mutable = torch_trt.MutableTorchTensorRTModule(module, immutable_weights=False, use_python_runtime=True)
    with torch.no_grad():
        assert close(mutable(X), module(X))
        module.load_state_dict(seeded(Mlp, 1).state_dict())
        assert close(mutable(X), module(X))


def test_an_unknown_setting_is_a_type_error_with_the_nearest():
    with pytest.raises(TypeError, match="no setting 'workspace_sise'; the nearest is 'workspace_size'"):
        torch_trt.compile(seeded(Mlp), (X,), workspace_sise=1)


def test_a_plan_of_a_program(same):
    program = torch.export.export(seeded(Mlp), (X,))
    plan = torch_trt.dynamo.convert_exported_program_to_serialized_trt_engine(program, (X,), tactics="first")
    assert same(torch.from_numpy(tenon.load(plan)(X)), torch_trt.compile(program, tactics="first")(X))


def test_the_docs_have_every_setting():
    page = (pathlib.Path(__file__).parents[2] / "docs" / "torch.md").read_text()
    missing = [name for name in [*_settings.ACCEPTED, *_settings.HONOURED] if f"`{name}`" not in page]
    assert not missing
