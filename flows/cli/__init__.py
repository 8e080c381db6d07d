"""The `biopose` console script: the library's commands and the orchestrated ones."""
