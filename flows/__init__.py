"""The three uses as stories, and the `biopose` console script."""
