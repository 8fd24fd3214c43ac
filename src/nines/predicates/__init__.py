"""Which events are meant: the language of `where` and `good`, parsed, checked and carried to each engine."""
