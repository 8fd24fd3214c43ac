"""The edge agent: collects where services run, keeps on disk, forwards."""
