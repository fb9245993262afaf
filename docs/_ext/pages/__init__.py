"""Pages as they are served."""
