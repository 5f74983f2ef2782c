"""TensorRT's name for tenon.trt, under its runner."""

from tenon.trt import *  # noqa: F403
from tenon.trt import __version__, tenon_version  # noqa: F401
