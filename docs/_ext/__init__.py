"""Hold the site's own Sphinx code, one concern a file; each is an extension that conf.py names."""
