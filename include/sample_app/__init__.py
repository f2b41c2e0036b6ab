"""A small web app to release: its source in `web/`, and `build`, which makes packages of it."""
