"""Receivers: the sockets that senders write to."""
