"""The pages of a home: what a coach, a scientist and an engineer look at in the morning. They read its snapshot."""
