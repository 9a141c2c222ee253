"""What goes wrong: exceptions that say where, what, and what was expected."""

from ._engine import EngineError, InputError

__all__ = ["EngineError", "InputError"]
