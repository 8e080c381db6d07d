"""report.html with its plots, and the folder of results."""
