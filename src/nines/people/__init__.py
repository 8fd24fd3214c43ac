"""Who may do what: persons, tenants and the table of rights that every operation asks."""
