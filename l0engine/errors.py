"""Every error this library raises on purpose; a message says what is wrong, where, and the remedy."""


class L0Error(Exception):
    """Base class: catch it to show the message to a user as it stands."""


class ProblemError(L0Error, ValueError):
    """The matrix, targets or households cannot be used as they are."""


class ConfigError(L0Error, ValueError):
    """A setting is out of its bounds, unknown, or does not go with another one."""
