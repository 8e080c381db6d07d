"""The page that a measurement is judged by, and the folder of results."""
