# Everything a stranger needs: `make demo` and `make test`, from a clean clone.

.PHONY: demo test test-quick lint prepare

demo: prepare
	cargo build --release
	rm -rf target/demo
	./target/release/papilla demo --out target/demo

# Ends with a list of what was skipped here, and why.
test: prepare
	sh .ci/skipped sh .ci/tests

# What continuous integration asks of the source, besides that it passes the tests.
lint:
	cargo fmt --all --check
	cargo clippy --profile tests --workspace --all-targets -- -D warnings

# The inner loop: everything but these. Under two minutes on two cores, once built.
slow := adaptation_step:: depthwise_texture:: translations:: tuning:: winograd:: conv2d::groups_of_filters \
	workgroup_stores:: conformance::with_every conformance::on_the_reference backbones:: bench:: memory:: report:: \
	tensorboard:: progress:: python:: training:: hostile_paths:: whole_photographs:: method::tests:: disc_finder::tests::

test-quick: prepare
	GALLIVM_PERF=nopt sh .ci/skipped cargo test --profile tests --workspace --exclude papilla-python --lib --tests -- $(slow:%=--skip %)

# A Vulkan driver, in software if need be: without one nothing can compute.
prepare:
	@sh .ci/prepare
