"""The error of everything that is refused in a sentence.

Core Objects: InputError, require_least
"""


class InputError(ValueError):
    """What was given is not allowed; the message is one sentence that names field, value and what is allowed.

    The command line prints the message alone and ends with exit code 2. Any other error in a mechanism or a
    strategy, a plain ``ValueError`` included, is a fault in its code and shows its traceback.
    """


def require_least(least: int, **numbers: int) -> None:
    """Raise an ``InputError`` that names the first number below `least`."""
    for name, number in numbers.items():
        if number < least:
            raise InputError(f"{name} must be a whole number >= {least}; got {number}")
