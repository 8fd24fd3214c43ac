"""The shape of an event, under the name that sources and the lake know it by.

It lives on the floor below, because predicates, which stand beside this room, name the same columns.
"""

from __future__ import annotations

from nines.objectives.event import COLUMN_NAMES, COLUMNS, STAMPS, Column, ColumnType

__all__ = ["COLUMNS", "COLUMN_NAMES", "STAMPS", "Column", "ColumnType"]
