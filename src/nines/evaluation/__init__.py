"""How we stand: counts held against promises, exactly, at an instant.

`evaluate` answers one objective by fractions; `sweep` answers thousands by arrays; both give the same answer.
"""
