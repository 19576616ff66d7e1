"""Every error this library raises on purpose; a message says what is wrong, where, and the remedy."""


class L0Error(Exception):
    """Base class: catch it to show the message to a user as it stands."""


class ProblemError(L0Error, ValueError):
    """The matrix, targets or households cannot be used as they are."""


class ConfigError(L0Error, ValueError):
    """A setting is out of its bounds, unknown, or does not go with another one."""


class StorageError(L0Error):
    """The disk refuses what the store is to keep, or to read; what is kept already stays."""


class AmbiguousTable(ProblemError):  # noqa: N818 - a question, which an answer settles
    """A file can be read in several ways that give other numbers; one of `options` answers it.

    Attributes
    ----------
    file : str
        Its name.
    setting : str
        What is to be answered.
    options : tuple of (str, str)
        Each answer, and what it would mean, with an example from the file.
    question : str
        What is unclear, and where; the file's name stands in it.
    """

    def __init__(self, file: str, setting: str, options: tuple[tuple[str, str], ...], question: str = "") -> None:
        self.file, self.setting, self.options = file, setting, options
        self.question = question or f"{file}: it can be read in {len(options):,} ways"
        ways = " or ".join(f'{setting} = "{value}" ({meaning})' for value, meaning in options[:6])
        sentence = f'{self.question}: say which under ["{file}"] in reading.toml, {ways}.'
        super().__init__("".join(c if c.isprintable() else " " for c in sentence))

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.file, self.setting, self.options, self.question)
