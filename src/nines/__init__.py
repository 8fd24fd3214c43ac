"""nines: service levels for their whole life, from the definition to the evidence.

The rooms and the floors they stand on are drawn in ARCHITECTURE.md; imports go down only.
"""

__version__ = "0.1.0"
