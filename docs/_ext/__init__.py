"""Hold the site's own Sphinx code, one concern a file; conf.py names the extensions among them."""
