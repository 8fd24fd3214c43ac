"""The command line: translates words into operations and answers into tables and exit codes."""
