"""What every command line shares: exit codes, one sentence for what is wrong, how numbers are read."""

from __future__ import annotations

import argparse
import math
from typing import NoReturn

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


class Parser(argparse.ArgumentParser):
    """Ends with exit code 2 and one sentence, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end."""
        self.exit(WRONG_INPUT, f"{self.prog}: {message}. See {self.prog} --help.\n")


def whole(text: str) -> int:
    """Read a whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None


def whole_from_one(text: str) -> int:
    """Read a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return int(text)


def real(text: str) -> float:
    """Read a number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from None


def above_zero(text: str) -> float:
    """Read a finite number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above zero, not {text!r}")
    return value
