"""Where measurements come from: one file per format or system, one contract for all."""
