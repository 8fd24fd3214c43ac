"""What we promise: counts, methods, windows, indicators, exclusions and objectives.

Pure values and exact arithmetic on the standard library alone; nothing here has seen a measurement.
"""
