"""Tenon: compile a trained model once, then replace its weights while it serves."""

# What submit() needs, now: an import that is under way in another thread at a fork is never over in the child.
import concurrent.futures.thread as _  # noqa: F401

from tenon import _log as _log  # noqa: F401  (before there is a line to log)

from tenon._tenon import (
    Engine,
    Layer,
    LeafInfo,
    Network,
    Port,
    RefitReport,
    Refitter,
    Tensor,
    ThreadLimit,
    Value,
    ValueInfo,
    Weight,
    WeightSet,
    build,
    digest,
    load,
    pass_names,
    version as __version__,
)
from tenon._errors import (
    BuildError,
    Error,
    InputError,
    NotReadyError,
    PlanError,
    Problem,
    RefitError,
)
from tenon._outputs import Outputs

__all__ = [
    "BuildError",
    "Engine",
    "Error",
    "InputError",
    "Layer",
    "LeafInfo",
    "Network",
    "NotReadyError",
    "Outputs",
    "PlanError",
    "Port",
    "Problem",
    "RefitError",
    "RefitReport",
    "Refitter",
    "Tensor",
    "ThreadLimit",
    "Value",
    "ValueInfo",
    "Weight",
    "WeightSet",
    "__version__",
    "build",
    "digest",
    "load",
    "pass_names",
]
