"""Records: definitions in force, the journal, people; in SQLite or PostgreSQL."""
