"""Waiting: what runs in the triggerer while no worker slot is held."""
