"""The edge agent: collects where it stands, keeps on disk, and forwards fresh data first."""
