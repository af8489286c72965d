"""What ``poetry repo demo`` is made of. Nothing outside of that command imports it."""
