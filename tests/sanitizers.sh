#!/usr/bin/env bash
# Runs situations whose library and C programs AddressSanitizer watches: `make check-sanitizers`.
#
#     tests/sanitizers.sh FILTER...
#
# The option of Rust for this is unstable; RUSTC_BOOTSTRAP makes a stable compiler accept it.
set -euo pipefail
cd "$(dirname "$0")/.."

host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=target/address
export RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address
export CC=clang CFLAGS=-fsanitize=address
# In a sandbox, leaks cannot be looked for: the process that does it fails there.
export ASAN_OPTIONS=${ASAN_OPTIONS-detect_leaks=0}
cargo test --locked --target "$host" --test situations -- "$@"
