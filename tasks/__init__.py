"""Single steps of a flow: a library function plus retries, resources and logging."""
