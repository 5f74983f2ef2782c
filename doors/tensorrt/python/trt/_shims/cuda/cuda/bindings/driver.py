"""CUDA's driver interface on the host."""

from tenon.trt._cuda.driver import *  # noqa: F403
