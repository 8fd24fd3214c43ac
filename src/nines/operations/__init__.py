"""What a person can ask: one function per question or deed, and the only wiring."""
