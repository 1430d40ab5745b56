#!/usr/bin/env bash
# Runs the tests with a library that counts how often its lines are executed: `make coverage`. Prints the files of `src`
# of which less than 95 % were, with the numbers of the other lines, and the share of all files. Unit tests do not count as
# lines. Run it as root, which can test more.
set -euo pipefail
cd "$(dirname "$0")/.."

host=$(rustc -vV | sed -n 's/^host: //p')
tools=$(rustc --print sysroot)/lib/rustlib/$host/bin
[ -x "$tools/llvm-cov" ] || rustup component add llvm-tools

# A directory without the sticky bit, in which fs.protected_regular would keep root from files of others.
profiles=$(mktemp -d /tmp/userns-coverage.XXXXXX)
trap 'rm -rf "$profiles"' EXIT
chmod 777 "$profiles"

# Most processes of the tests are killed or end by _exit(2). So the counters are in a mapped file (%c), which they all share
# (%m) and need not write at their end.
export LLVM_PROFILE_FILE=$profiles/%m%c.profraw
export RUSTFLAGS='-C instrument-coverage -C llvm-args=-runtime-counter-relocation'
export CARGO_TARGET_DIR=target/coverage
test=(cargo test --locked --target "$host")

unit_tests=$("${test[@]}" --lib --no-run 2>&1 | tee >(cat >&2) | sed -n 's/.*unittests.*(\(.*\))$/\1/p')
# Some situations execute programs as another user, which must be able to write to the file.
"$unit_tests" --list >"$profiles/list"
"${test[@]}" --test situations -- --exact errors::versions
chmod 666 "$profiles"/*.profraw
# A test that measures time can fail here; its lines count all the same.
"${test[@]}" --no-fail-fast --lib --test situations --test check --test inspect --test saved --test security \
    --test userns_tree --test bindings || echo 'Some tests failed.'

"$tools/llvm-profdata" merge -o "$profiles/all" "$profiles"/*.profraw
library=$CARGO_TARGET_DIR/$host/debug/deps/libuserns.so
lines() { "$tools/llvm-cov" export -format=lcov -instr-profile "$profiles/all" "$@" 2>"$profiles/messages" || { cat "$profiles/messages" >&2; return 1; }; }
lines "$library" >"$profiles/library"
lines "$library" -object "$unit_tests" >"$profiles/with-unit-tests"
# The first file says which lines the library has; each counts if it was executed in the library or in a unit test.
awk -F '[:,]' -v root="$PWD/" '
    FNR == 1 { pass++ }
    $1 == "SF" { file = $2; sub(root, "", file) }
    $1 != "DA" || file !~ /^src\// { next }
    pass == 1 { lines[file] = lines[file] " " $2 }
    pass == 2 && $3 > 0 { executed[file, $2] = 1 }
    END {
        for (file in lines) {
            count = split(lines[file], line, " "); hits = 0; missed = ""; start = 0
            for (i = 1; i <= count; i++) {
                hit = (file, line[i]) in executed; hits += hit; all_hits += hit; all++
                if (!hit && !start) start = line[i]
                if (start && (hit || i == count)) {
                    end = hit ? line[i - 1] : line[i]
                    missed = missed " " (start == end ? start : start "-" end); start = 0
                }
            }
            if (hits < 0.95 * count) printf "%5.1f %%  %s:%s\n", 100 * hits / count, file, missed | "sort -n"
        }
        close("sort -n")
        printf "%5.1f %%  of %d lines of src\n", 100 * all_hits / all, all
        exit all_hits < 0.9 * all
    }
' "$profiles/library" "$profiles/with-unit-tests"
