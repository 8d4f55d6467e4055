"""The reference interpreter: the meaning of the algebra, written to be read rather than to be fast."""

from kg.query.interpreter.answer import Interpreter
from kg.query.interpreter.world import Tables

__all__ = ["Interpreter", "Tables"]
