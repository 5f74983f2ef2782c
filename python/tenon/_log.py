"""Lines of Tenon's log, as Python's logging has them: logging.getLogger("tenon")."""

import logging
import os

LOGGER = logging.getLogger("tenon")
_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)


def log(level: int, line: bytes) -> None:
    LOGGER.log(_LEVELS[level], "%s", line.decode(errors="replace"))


def _follow_environment() -> None:
    """TENON_LOG asks for lines on stderr, of its level."""
    names = ("debug", "info", "warn", "error")
    asked = os.environ.get("TENON_LOG")
    if asked in names:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("tenon: %(levelname)s: %(message)s"))
        LOGGER.addHandler(handler)
        LOGGER.setLevel(_LEVELS[names.index(asked)])


_follow_environment()
