"""What a measured video becomes in a folder: motion files, a table of everything, an overlay to check, a report."""
