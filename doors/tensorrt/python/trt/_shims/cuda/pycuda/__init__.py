"""pycuda's name for Tenon's host memory, under the runner of tenon.trt."""

VERSION = (2024, 1)
VERSION_TEXT = "2024.1"
