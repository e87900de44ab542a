.PHONY: demo test

# Builds tabir and plays its story over real sockets. DEMO_ARGS=--once ends after the story.
demo:
	@cargo build --locked
	@cargo run --locked --quiet -- demo $(DEMO_ARGS)

# Installs and starts what the tests need, runs them all, cleans up.
test:
	@tests/run
