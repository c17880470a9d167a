"""How long a test waits for something before it takes it for hung; no result depends on it."""

HANG_SECONDS = 600
