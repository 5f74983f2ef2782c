"""CUDA's nvrtc interface on the host."""

from tenon.trt._cuda.nvrtc import *  # noqa: F403
