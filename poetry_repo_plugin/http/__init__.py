"""A request on its way: whose it is, what it may carry, and what its answer means."""
