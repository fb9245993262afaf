"""Test the library, the lessons, and the site."""
