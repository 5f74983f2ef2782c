"""cuda.bindings.nvrtc: there, and refuses: kernels need a GPU."""

from __future__ import annotations

from typing import Any

from .answers import Named


class nvrtcResult(Named):  # noqa: N801
    NVRTC_SUCCESS = 0
    NVRTC_ERROR_OUT_OF_MEMORY = 1
    NVRTC_ERROR_PROGRAM_CREATION_FAILURE = 2
    NVRTC_ERROR_INVALID_INPUT = 3
    NVRTC_ERROR_INVALID_PROGRAM = 4
    NVRTC_ERROR_INVALID_OPTION = 5
    NVRTC_ERROR_COMPILATION = 6
    NVRTC_ERROR_INTERNAL_ERROR = 11


def nvrtcGetErrorString(result: Any) -> Any:  # noqa: N802
    return nvrtcResult.NVRTC_SUCCESS, nvrtcResult(int(result)).name.encode()


def nvrtcVersion() -> Any:  # noqa: N802
    return nvrtcResult.NVRTC_SUCCESS, 12, 0


def nvrtcCreateProgram(*_: Any) -> Any:  # noqa: N802
    return nvrtcResult.NVRTC_ERROR_INTERNAL_ERROR, None
