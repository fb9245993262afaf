"""How the site is built, and what is built."""
