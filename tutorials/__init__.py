"""Tutorials and labs: scripts to read from top to bottom, and to run cell by cell."""
