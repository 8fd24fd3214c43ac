"""The pages: what needs me, then the table, then the picture, then where the number comes from."""
