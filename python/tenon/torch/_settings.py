"""torch_tensorrt's settings: which Tenon honours, and which mean nothing here."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from typing import Any

from tenon import InputError

log = logging.getLogger("tenon")

#: Accepted without effect, and why. The table of docs/torch.md has the same rows.
ACCEPTED = {
    "assume_dynamic_shape_support": "every operator that is compiled takes dynamic shapes",
    "autocast_calibration_dataloader": "engines keep the program's dtypes",
    "autocast_excluded_nodes": "engines keep the program's dtypes",
    "autocast_excluded_ops": "engines keep the program's dtypes",
    "autocast_low_precision_type": "engines keep the program's dtypes",
    "autocast_max_depth_of_reduction": "engines keep the program's dtypes",
    "autocast_max_output_threshold": "engines keep the program's dtypes",
    "cache_built_engines": "the cache is Tenon's own, `cache=`",
    "cpu_memory_budget": "a compile holds the module's weights and the engine's",
    "debug": "the log is Python's, under the name tenon",
    "disable_tf32": "float32 is float32",
    "dla_global_dram_size": "there is no DLA",
    "dla_local_dram_size": "there is no DLA",
    "dla_sram_size": "there is no DLA",
    "dryrun": "`report` says what runs in torch",
    "dynamically_allocate_resources": "memory is taken as it is needed",
    "enable_autocast": "engines keep the program's dtypes",
    "enable_cross_compile_for_windows": "plans choose kernels where they are loaded",
    "enable_experimental_decompositions": "decompositions are the exporter's",
    "enable_resource_partitioning": "engines are not cut by size",
    "enable_weight_streaming": "weights stay in memory",
    "enabled_precisions": "engines keep the program's dtypes",
    "engine_cache_dir": "the cache is Tenon's own, `cache=`",
    "engine_cache_size": "the cache is Tenon's own, `cache=`",
    "engine_capability": "there is one",
    "hardware_compatible": "plans choose kernels where they are loaded",
    "l2_limit_for_tiling": "tiles are timed",
    "max_aux_streams": "threads= is Tenon's",
    "num_avg_timing_iters": "timing is Tenon's own",
    "offload_module_to_cpu": "the module stays where it is",
    "optimization_level": "tactics= is Tenon's",
    "strict": "programs are exported without it",
    "refit_identical_engine_weights": "every weight is refitted by its name",
    "reuse_cached_engines": "the cache is Tenon's own, `cache=`",
    "sparse_weights": "weights are dense",
    "strip_engine_weights": "save(strip=True) leaves weights out",
    "tiling_optimization_level": "tiles are timed",
    "timing_cache_path": "timing is Tenon's own",
    "truncate_double": "doubles stay doubles",
    "truncate_long_and_double": "both stay as they are",
    "use_distributed_mode_trace": "one process",
    "use_explicit_typing": "engines keep the program's dtypes",
    "use_fast_partitioner": "there is one partitioner",
    "use_fp32_acc": "sums are float32",
    "use_python_runtime": "there is one runtime",
    "version_compatible": "plans say which version wrote them",
    "workspace_size": "memory is taken as it is needed",
}

#: Understood: each sets one of compile()'s own.
HONOURED = (
    "custom_engine_cache",
    "immutable_weights",
    "make_refitable",
    "make_refittable",
    "require_full_compilation",
    "pass_through_build_failures",
)

#: compile()'s own names, for the nearest in a message.
OWN = (
    "inputs", "arg_inputs", "kwarg_inputs", "dynamic_shapes", "device", "refit", "fallback", "check",
    "cache", "min_block_size", "torch_executed_ops", "threads", "tactics", "without", "sets", "sources", "progress", "stop", "ir",
)  # fmt: skip


def understood(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What settings of torch_tensorrt say in compile()'s own words. TypeError names unknown ones."""
    own: dict[str, Any] = {}
    for name, value in settings.items():
        if name not in ACCEPTED and name not in HONOURED:
            near = difflib.get_close_matches(name, [*ACCEPTED, *HONOURED, *OWN], 1, 0.6)
            raise TypeError(
                f"compile has no setting {name!r}" + (f"; the nearest is {near[0]!r}" if near else "")
            )
        if name == "custom_engine_cache":
            own["cache"] = True if value is None else value
        elif name == "immutable_weights":
            own["refit"] = "none" if value else "all"
        elif name in ("make_refitable", "make_refittable"):
            own["refit"] = "all" if value else "none"
        elif name in HONOURED and value:
            own["fallback"] = "error"
    if without := sorted(name for name in settings if name in ACCEPTED):
        log.info("settings without effect here: %s", ", ".join(without))
    return own


def inputs_of(inputs: Any, arg_inputs: Any) -> tuple[Any, ...]:
    """The one of both that was given, as a tuple."""
    if arg_inputs is not None:
        if inputs:
            raise InputError("inputs and arg_inputs are one; give either", "invalid_input")
        inputs = arg_inputs
    return tuple(inputs) if isinstance(inputs, (list, tuple)) else (inputs,)
