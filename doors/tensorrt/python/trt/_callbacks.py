"""Methods of the classes that scripts implement, for `super()` and for whoever asks for their names."""

from __future__ import annotations

from typing import Any

from tenon import _trt

from ._abstract import put

put(_trt.IProgressMonitor, "phase_start(phase_name, parent_phase, num_steps)", "step_complete(phase_name, step)", "phase_finish(phase_name)")
put(_trt.IOutputAllocator, "reallocate_output(tensor_name, memory, size, alignment)", "notify_shape(tensor_name, shape)")
put(_trt.IDebugListener, "process_debug_tensor(addr, location, type, shape, name, stream)")
put(
    _trt.IGpuAllocator,
    "allocate(size, alignment, flags)",
    "deallocate(memory)",
    "reallocate(address, alignment, new_size)",
    "allocate_async(size, alignment, flags, stream)",
    "deallocate_async(memory, stream)",
)
put(_trt.IGpuAsyncAllocator, "allocate_async(size, alignment, flags, stream)", "deallocate_async(memory, stream)")
for _kind in (
    _trt.IInt8Calibrator,
    _trt.IInt8LegacyCalibrator,
    _trt.IInt8EntropyCalibrator,
    _trt.IInt8EntropyCalibrator2,
    _trt.IInt8MinMaxCalibrator,
):
    put(_kind, "get_batch_size()", "get_algorithm()", "get_batch(names)", "read_calibration_cache()", "write_calibration_cache(cache)")
put(_trt.IAlgorithmSelector, "select_algorithms(context, choices)", "report_algorithms(contexts, choices)")


def _reallocate_output_async(self: Any, tensor_name: str, memory: int, size: int, alignment: int, stream: int) -> Any:
    """As the other, which knows no stream."""
    return self.reallocate_output(tensor_name, memory, size, alignment)


_trt.IOutputAllocator.reallocate_output_async = _reallocate_output_async

# Layers that no network gives: their properties are names.
for _owner, _properties, _methods in (
    (_trt.IDynamicQuantizeLayer, "axis block_size block_shape to_type scale_type", ()),
    (
        _trt.IMoELayer,
        "activation_type quantization_to_type quantization_block_shape dyn_q_output_scale_type swiglu_param_limit swiglu_param_alpha swiglu_param_beta",
        (
            "set_gated_weights(fc_gate_weights, fc_up_weights, fc_down_weights, activation_type)",
            "set_gated_biases(fc_gate_biases, fc_up_biases, fc_down_biases)",
            "set_quantization_static(fc_down_activation_scale, data_type)",
            "set_quantization_dynamic_dbl_q(fc_down_activation_dbl_q_scale, data_type, block_shape, dyn_q_output_scale_type)",
            "set_swiglu_params(limit, alpha, beta)",
        ),
    ),
    (_trt.IPluginV2Layer, "plugin", ()),
    (_trt.IPluginV3Layer, "plugin", ()),
):
    put(_owner, *_methods)
    for _name in _properties.split():
        setattr(_owner, _name, None)
