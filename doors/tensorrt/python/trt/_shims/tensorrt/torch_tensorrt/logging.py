"""tenon.torch.logging."""

from tenon.torch.logging import *  # noqa: F403
