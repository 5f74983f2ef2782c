# tensorrt.plugin is tenon.trt.plugin.
from tenon.trt.plugin import *  # noqa: F403
