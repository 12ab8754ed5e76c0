# Everything a stranger needs: `make demo` and `make test`, from a clean clone.

.PHONY: demo test prepare

demo: prepare
	cargo build --release
	rm -rf target/demo
	./target/release/papilla demo --out target/demo

test: prepare
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	sh .ci/skipped cargo test --release --workspace --no-fail-fast

# A Vulkan driver, in software if need be: without one nothing can compute.
prepare:
	@sh .ci/prepare
