.PHONY: demo fuzz models test tools

# Builds tabir and plays its story over real sockets. DEMO_ARGS=--once ends after the story.
demo: tools
	@tools/models || echo "words in pictures will not be read: the models could not be fetched" >&2
	@cargo build --locked
	@cargo run --locked --quiet -- demo $(DEMO_ARGS)

# What the build needs beside Rust, gcc, g++ and make: cmake, for the reader of codes in pictures,
# and a Python that can fetch the models of the reader of words.
tools:
	@command -v cmake >/dev/null && python3 -c 'import ensurepip' 2>/dev/null && exit 0; \
	if [ "$$(id -u)" -ne 0 ]; then \
		echo "The build needs some packages; please run:" >&2; \
		echo "  sudo apt-get install --no-install-recommends cmake python3-venv" >&2; \
		exit 2; \
	fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get -qq update >/dev/null && apt-get -qq install --no-install-recommends cmake python3-venv >/dev/null

# What reads words in pictures: 26 MB, fetched once. Without it the relay says that it can not.
models: tools
	@tools/models

# Installs and starts what the tests need, runs them all, cleans up.
test:
	@tests/run

# Ten minutes for each of what opens hostile bytes, or FUZZ_SECONDS for each of FUZZ_TARGETS.
fuzz: tools
	@tools/fuzz
