"""CUDA's runtime interface on the host."""

from tenon.trt._cuda.runtime import *  # noqa: F403
