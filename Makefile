.PHONY: demo test tools

# Builds tabir and plays its story over real sockets. DEMO_ARGS=--once ends after the story.
demo: tools
	@cargo build --locked
	@cargo run --locked --quiet -- demo $(DEMO_ARGS)

# What the build needs beside Rust, gcc, g++ and make: cmake, for the reader of codes in pictures.
tools:
	@command -v cmake >/dev/null && exit 0; \
	if [ "$$(id -u)" -ne 0 ]; then \
		echo "The build needs cmake; please run:" >&2; \
		echo "  sudo apt-get install --no-install-recommends cmake" >&2; \
		exit 2; \
	fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get -qq update >/dev/null && apt-get -qq install --no-install-recommends cmake >/dev/null

# Installs and starts what the tests need, runs them all, cleans up.
test:
	@tests/run
