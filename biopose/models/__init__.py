"""Networks and priors, each with its weights."""
