"""Which events are meant: the language of `where` and `good`, parsed, checked and carried to each engine."""

from nines.predicates.expression import (
    ColumnExpression,
    Expression,
    Key,
    Predicate,
    Value,
    column_expression,
    parse,
    parse_key,
    parse_value,
)
from nines.predicates.functions import DIALECTS, Dialect

__all__ = [
    "DIALECTS",
    "ColumnExpression",
    "Dialect",
    "Expression",
    "Key",
    "Predicate",
    "Value",
    "column_expression",
    "parse",
    "parse_key",
    "parse_value",
]
