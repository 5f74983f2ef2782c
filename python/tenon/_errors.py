"""What Tenon raises."""


class Error(Exception):
    """Base of all errors. The message is one line: the thing, the fact and the way out.

    `code` is one of: invalid_input, unsupported, bad_file, build, plan, refit, not_ready, io,
    cancelled, unavailable.
    """

    code: str

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class BuildError(Error):
    """A network could not be read or compiled."""


class PlanError(Error):
    """A plan could not be read, or does not fit this library or machine."""


class InputError(Error):
    """An input or output of a run has the wrong name, dtype, rank, size or value."""


class RefitError(Error):
    """New weights were refused, and nothing has changed. `problems` holds one line for each."""

    problems: list[str]

    def __init__(self, message: str, code: str = "refit", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, code)
        self.problems = list(problems)


class NotReadyError(Error):
    """The engine has no weights yet; refit it first."""
