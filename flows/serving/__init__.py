"""What `biopose up` keeps running."""
