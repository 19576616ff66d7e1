"""Every error this library raises on purpose; a message says what is wrong, where, and the remedy."""


class L0Error(Exception):
    """Base class: catch it to show the message to a user as it stands."""


class ProblemError(L0Error, ValueError):
    """The matrix, targets or households cannot be used as they are."""


class ConfigError(L0Error, ValueError):
    """A setting is out of its bounds, unknown, or does not go with another one."""


class AmbiguousTable(ProblemError):  # noqa: N818
    """A file can be read in several ways that give other numbers; one of `options` answers it.

    Attributes
    ----------
    file : str
    setting : str
        Name of the setting to answer.
    options : tuple of (str, str)
        Each value, and a sentence on it with an example from the file.
    """

    def __init__(self, file: str, setting: str, options: tuple[tuple[str, str], ...]) -> None:
        ways = "; ".join(f"'{value}': {sentence}" for value, sentence in options[:6])
        super().__init__(f"{file}: it can be read in {len(options)} ways: answer '{setting}' with one of them ({ways}).")
        self.file, self.setting, self.options = file, setting, options
