"""pycuda.driver on the host."""

from tenon.trt._cuda.pycuda import *  # noqa: F403
