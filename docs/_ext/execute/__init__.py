"""Running lessons and chapters while the site is built."""
