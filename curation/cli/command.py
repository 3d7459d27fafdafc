"""What every module of commands is given to add its own with."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeAlias

#: (name, function) -> the parser of a new command; its help is the function's docstring.
Command: TypeAlias = Callable[[str, Callable[[argparse.Namespace], int]], argparse.ArgumentParser]
