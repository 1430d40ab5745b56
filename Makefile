# make            builds the library and the programs as they are installed
# make check      runs the tests; all of the following run more
# make check-kernels     those of tests/c on other kernels, in emulated machines
# make check-architectures  the same on other architectures, and with musl
# make check-policies    those about AppArmor, SELinux and Debian's sysctl, on kernels with these
# make check-faults      lets each system call of the library fail; as root
# make check-fuzz        has a fuzzer try RUNS inputs for each parser, or for TARGETS
# make check-endurance   scans in all ways for MINUTES (30) while everything changes
# make check-miri        runs unit tests in Miri
# make check-sanitizers  runs situations with Address-, Leak- and ThreadSanitizer; as root
# make coverage          tells how many lines of src the tests execute; as root
# make install    installs them; make uninstall removes them
# make clean      removes what make built; cargo clean removes what cargo built
# make help       shows these lines
#
# PREFIX and LIBDIR set the directories, BASHDIR, ZSHDIR and FISHDIR those for completion in
# shells. DESTDIR is put in front of them, to build a package.
# What was built with other compilers or flags (CC, CFLAGS, LDFLAGS, RUSTFLAGS) is built again.

PREFIX     = /usr/local
BINDIR     = $(PREFIX)/bin
LIBDIR     = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
MANDIR     = $(PREFIX)/share/man
BASHDIR    = $(PREFIX)/share/bash-completion/completions
ZSHDIR     = $(PREFIX)/share/zsh/site-functions
FISHDIR    = $(PREFIX)/share/fish/vendor_completions.d

CARGO   ?= cargo
OBJCOPY ?= objcopy
READELF ?= readelf
INSTALL ?= install
CFLAGS  ?= -O2 -Wall -Wextra -Wpedantic

VERSION := $(shell sed -n '/^version/{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)
# The number in the SONAME is that of the ABI, not the major version.
SONAME  := libuserns.so.$(shell sed -n 's/^const ABI: u32 = \([0-9]*\);$$/\1/p' build.rs)

PROGRAMS = userns_tree userns_inspect userns_check
HEADERS  = userns.h userns.hpp
MANUALS := $(wildcard man/man[1-9]/*)
SOURCES := Cargo.toml $(wildcard Cargo.lock) build.rs $(shell find src -name '*.rs')

# A directory of its own: other builds by cargo create files with the same names.
OUT  := $(or $(CARGO_TARGET_DIR),target)/install
RUST := $(OUT)/$(addsuffix /,$(CARGO_BUILD_TARGET))release/libuserns.a

# A compiler for musl on a host with another libc has no libgcc_s, which a shared library needs. Then
# make builds the static library and static programs, with the unwinder that comes with Rust.
ifeq ($(and $(findstring musl,$(CARGO_BUILD_TARGET)),$(shell $(CC) -shared -x c /dev/null -o /dev/null -lgcc_s 2>/dev/null || echo no)),no)
LIBRARY  = $(OUT)/libuserns.a
LINK     = -static $(LIBRARY)
UNWINDER = $(wildcard $(shell rustc --print target-libdir --target $(CARGO_BUILD_TARGET))/self-contained/libunwind.a)
$(info libuserns.so is not built: $(CC) cannot link a shared library with libgcc_s)
else
LIBRARY  = $(OUT)/libuserns.so
LINK     = -L$(OUT) -luserns
endif

build: $(sort $(LIBRARY) $(OUT)/libuserns.a) $(PROGRAMS:%=$(OUT)/%)

# Files that depend on these are built again if the flags are not those of the last time.
$(OUT)/c-flags: export FLAGS = $(CC) $(AR) $(OBJCOPY) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)
$(OUT)/rust-flags: export FLAGS = $(RUSTFLAGS)
$(OUT)/%-flags: always
	@mkdir -p $(OUT)
	@printf '%s\n' "$$FLAGS" | cmp -s - $@ || printf '%s\n' "$$FLAGS" >$@

# Without --crate-type, cargo also builds a Rust library and then omits link-time optimisation.
$(RUST): $(SOURCES) $(OUT)/rust-flags
	$(CARGO) rustc --release --lib --crate-type staticlib --target-dir $(OUT)
	touch $@

# One object, with the functions of the C interface as its only global symbols. The symbols of
# Rust's standard library would collide with those of other static libraries in Rust.
#
# What prints the backtrace of a panic would be a third of the library, and there are no symbols that it could
# print. No stable option of Rust leaves it out. So the function that prints it, Display::fmt(), gets the body
# "return 0" (Ok), and the linker's --gc-sections drops all that only it calls. If the standard library names
# this function differently one day, the library is larger, and tests/install.rs says so.
$(OUT)/userns.o: $(RUST) include/libuserns.map $(OUT)/c-flags
	$(CC) -r -nostdlib -Wl,--force-group-allocation -o $@ \
	    $$(sed -n 's/^ *\(userns_[a-z0-9_]*\);$$/-Wl,-u,\1/p' include/libuserns.map) $(RUST) $(UNWINDER)
	set -- $$($(READELF) -SW $@ | sed -n 's/.* \(\.text\.[^ ]*DisplayBacktrace[^ ]*\) *PROGBITS *[^ ]* *[^ ]* *\([^ ]*\).*/\1 \2/p'); \
	if [ $$# -eq 2 ]; then \
	    echo 'unsigned char nothing(void) { return 0; }' | $(CC) $(filter -m%,$(CFLAGS)) -O1 -x c -c -o $(OUT)/nothing.o - && \
	    $(OBJCOPY) -O binary -j .text $(OUT)/nothing.o $(OUT)/nothing && truncate -s $$((0x$$2)) $(OUT)/nothing && \
	    $(OBJCOPY) --remove-relocations="$$1" --update-section "$$1=$(OUT)/nothing" $@; \
	fi
	$(OBJCOPY) --strip-debug --wildcard --keep-global-symbol='userns_*' $@

$(OUT)/libuserns.a: $(OUT)/userns.o
	rm -f $@
	$(AR) rcs $@ $(OUT)/userns.o

# cc links the shared library, because rustc cannot: it passes a version script of its own.
# dlclose(3) must not unmap the library, see build.rs.
$(OUT)/libuserns.so: $(OUT)/userns.o include/libuserns.map
	$(CC) -shared -o $@ $(OUT)/userns.o $(LDFLAGS) \
	    -Wl,-soname,$(SONAME) -Wl,--version-script=include/libuserns.map \
	    -Wl,--gc-sections,--build-id,-z,defs,-z,text,-z,nodelete,-z,relro,-z,now \
	    -Wl,--as-needed -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
	ln -sf libuserns.so $(OUT)/$(SONAME)

# These have more source files than the one with their name.
$(OUT)/userns_inspect: $(wildcard examples-c/common/* examples-c/inspect/*)
$(OUT)/userns_check: $(wildcard examples-c/common/* examples-c/check/*)

$(OUT)/%: examples-c/%.c $(LIBRARY)
	$(CC) -std=c99 -D_POSIX_C_SOURCE=200809L $(CPPFLAGS) $(CFLAGS) -Iinclude -o $@ \
	    $(filter %.c,$^) $(LDFLAGS) $(LINK)

check:
	$(CARGO) test

# Those with emulated machines take long. With the release library, which is faster. KERNELS='5.10 newest' and
# ARCHITECTURES=s390x select rows of docs/kernels.md.
check-kernels:
	$(CARGO) test --release --locked --test kernels -- --update $(KERNELS)

check-architectures:
	rustup target add i686-unknown-linux-gnu aarch64-unknown-linux-gnu s390x-unknown-linux-gnu \
	    riscv64gc-unknown-linux-gnu x86_64-unknown-linux-musl
	$(CARGO) test --release --locked --test kernels -- --update $(or $(ARCHITECTURES),i686 aarch64 s390x riscv64 musl)

check-policies:
	$(CARGO) test --release --locked --test kernels -- policies

check-faults:
	$(CARGO) test --release --locked --test faults -- --update

RUNS = 10000000
check-fuzz:
	tests/fuzz/engine/run $(RUNS) $(TARGETS)

# Where the code is safe, a few random cases show as much as many.
check-miri:
	rustup component add --toolchain nightly miri rust-src || \
	    rustup toolchain install nightly --profile minimal --component miri,rust-src
	MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=2 PROPTEST_DISABLE_FAILURE_PERSISTENCE=1 \
	    $(CARGO) +nightly miri test --locked --lib --target-dir target/miri -- --skip sys::
	# As on a machine of big endian.
	MIRIFLAGS=-Zmiri-disable-isolation $(CARGO) +nightly miri test --locked --lib --target-dir target/miri \
	    --target s390x-unknown-linux-gnu -- a_recorded_file | \
	    tee /dev/stderr | grep -q '^test result: ok. [1-9]'

# LeakSanitizer works only there.
WITHOUT_SANDBOX = errors::versions errors::errors_are_explained state::plain_scan \
    saved::arguments saved::elsewhere saved::later_sources saved::limit_of_files saved::offset saved::pipe_that_is_slow \
    saved::pipe_without_reader saved::recorded saved::what_is_no_snapshot \
    describe::leaves_nothing describe::no_namespaces describe::own describe::sizes \
    arguments::null_nonusers_and_pins arguments::null_snapshots_and_nodes

check-sanitizers:
	tests/sanitizers/run address state:: saved:: probe:: open::
	ASAN_OPTIONS= tests/sanitizers/run address --exact $(WITHOUT_SANDBOX)
	tests/sanitizers/run thread threads:: state::

coverage:
	tests/coverage.sh

MINUTES ?= 30
check-endurance:
	@[ '$(MINUTES)' -gt 0 ]
	MINUTES=$(MINUTES) $(CARGO) test --release --locked --test situations -- --no-tests=fail --nocapture \
	    --exact storm::endurance

clean:
	rm -rf $(OUT)
	$(MAKE) -C examples-c clean

help:
	@sed -n '/^#/!q;s/^# \{0,1\}//p' Makefile

SHARED    = libuserns.so.$(VERSION)
CMAKE     = cmake/userns/userns-config.cmake cmake/userns/userns-config-version.cmake
TEMPLATES = pkgconfig/userns.pc $(CMAKE)
COMPLETED = $(BASHDIR) $(ZSHDIR) $(FISHDIR)

install: build
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(INCLUDEDIR) $(COMPLETED:%=$(DESTDIR)%) \
	    $(sort $(dir $(TEMPLATES:%=$(DESTDIR)$(LIBDIR)/%) $(MANUALS:man/%=$(DESTDIR)$(MANDIR)/%)))
	$(INSTALL) $(PROGRAMS:%=$(OUT)/%) $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 644 $(HEADERS:%=include/%) $(DESTDIR)$(INCLUDEDIR)
	for section in $(notdir $(wildcard man/man[1-9])); do \
	    $(INSTALL) -m 644 man/$$section/* $(DESTDIR)$(MANDIR)/$$section || exit; done
	for program in $(PROGRAMS); do \
	    $(INSTALL) -m 644 packaging/completions/$$program.bash $(DESTDIR)$(BASHDIR)/$$program && \
	    $(INSTALL) -m 644 packaging/completions/_$$program $(DESTDIR)$(ZSHDIR) && \
	    $(INSTALL) -m 644 packaging/completions/$$program.fish $(DESTDIR)$(FISHDIR) || exit; done
	$(INSTALL) -m 644 $(OUT)/libuserns.a $(DESTDIR)$(LIBDIR)
ifeq ($(LIBRARY),$(OUT)/libuserns.so)
	$(INSTALL) $(OUT)/libuserns.so $(DESTDIR)$(LIBDIR)/$(SHARED)
	ln -sf $(SHARED) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SHARED) $(DESTDIR)$(LIBDIR)/libuserns.so
endif
	for file in $(TEMPLATES); do \
	    sed -e 's|@VERSION@|$(VERSION)|' -e 's|@SONAME@|$(SONAME)|' -e 's|@PREFIX@|$(PREFIX)|' \
	        -e 's|@LIBDIR@|$(LIBDIR:$(PREFIX)/%=$${prefix}/%)|' \
	        -e 's|@INCLUDEDIR@|$(INCLUDEDIR:$(PREFIX)/%=$${prefix}/%)|' \
	        -e 's|@INCLUDE_FROM_LIB@|$(shell realpath -ms --relative-to=$(LIBDIR) $(INCLUDEDIR))|' \
	        packaging/$${file##*/}.in | $(INSTALL) -m 644 /dev/stdin $(DESTDIR)$(LIBDIR)/$$file || exit; \
	done
	if test -z '$(DESTDIR)' && test -w /etc/ld.so.cache; then ldconfig; fi

uninstall:
	rm -f $(PROGRAMS:%=$(DESTDIR)$(BINDIR)/%) $(HEADERS:%=$(DESTDIR)$(INCLUDEDIR)/%) \
	    $(MANUALS:man/%=$(DESTDIR)$(MANDIR)/%) $(PROGRAMS:%=$(DESTDIR)$(BASHDIR)/%) \
	    $(PROGRAMS:%=$(DESTDIR)$(ZSHDIR)/_%) $(PROGRAMS:%=$(DESTDIR)$(FISHDIR)/%.fish) \
	    $(addprefix $(DESTDIR)$(LIBDIR)/,libuserns.a $(SHARED) $(SONAME) libuserns.so $(TEMPLATES))
	rm -rf $(DESTDIR)$(LIBDIR)/cmake/userns

.PHONY: always build check check-architectures check-endurance check-faults check-fuzz check-kernels check-miri check-policies check-sanitizers clean coverage help install uninstall
.DELETE_ON_ERROR:
