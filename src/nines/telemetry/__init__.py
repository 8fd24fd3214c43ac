"""What was measured: series on the minute grid, their quality, sketches and states.

Pure functions on arrays; where the bytes came from is the business of floors above.
"""
