"""What happened: every kind of dated fact, and the hash chain that proves none was changed."""
