"""What `progress=True` shows."""


class Bar:
    """A bar of tqdm, one for each stage; it closes with the work."""

    def __init__(self) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            message = "progress=True shows a bar of tqdm, which is not here; pip install tqdm, or give a callable of a stage and a fraction"
            raise ImportError(message) from error
        self._make = tqdm
        self._bar = None
        self._stage = ""

    def __call__(self, stage: str, fraction: float) -> None:
        if self._bar is None or stage != self._stage:
            self.finish()
            self._bar = self._make(total=100, desc=stage, unit="%", leave=False)
            self._stage = stage
        self._bar.update(100 * fraction - self._bar.n)

    def finish(self) -> None:
        """What was shown is done."""
        if self._bar is not None:
            self._bar.update(100 - self._bar.n)
            self._bar.refresh()
        self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
