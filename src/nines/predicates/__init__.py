"""Which events are meant: the language of `where` and `good`, parsed, checked and carried to each engine."""

from nines.predicates.expression import (
    ColumnExpression,
    Expression,
    Predicate,
    Value,
    column_expression,
    parse,
    parse_value,
)
from nines.predicates.functions import DIALECTS, Dialect

__all__ = [
    "DIALECTS",
    "ColumnExpression",
    "Dialect",
    "Expression",
    "Predicate",
    "Value",
    "column_expression",
    "parse",
    "parse_value",
]
