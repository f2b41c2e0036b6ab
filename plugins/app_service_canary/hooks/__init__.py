"""Talking: the only place with a client, a credential or a socket."""
