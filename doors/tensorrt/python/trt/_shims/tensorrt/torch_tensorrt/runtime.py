"""tenon.torch.runtime."""

from tenon.torch.runtime import *  # noqa: F403
