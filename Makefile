# make            builds the library and the programs, as they are installed
# make check      runs the tests
# make install    installs them; make uninstall removes them
#
# PREFIX and LIBDIR say where to. DESTDIR comes before all of it, to make a package.

PREFIX     = /usr/local
BINDIR     = $(PREFIX)/bin
LIBDIR     = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
MANDIR     = $(PREFIX)/share/man

CARGO   ?= cargo
OBJCOPY ?= objcopy
INSTALL ?= install
CFLAGS  ?= -O2 -Wall -Wextra -Wpedantic

VERSION := $(shell sed -n '/^version/{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)
SONAME  := libuserns.so.$(firstword $(subst ., ,$(VERSION)))

PROGRAMS = userns_tree userns_inspect
HEADERS  = userns.h userns.hpp
MANUALS := $(wildcard man/man[1-9]/*)
SOURCES := Cargo.toml $(wildcard Cargo.lock) build.rs $(shell find src -name '*.rs')

# Apart from what cargo builds otherwise, which has the same names.
OUT := $(or $(CARGO_TARGET_DIR),target)/install
LIB := $(OUT)/$(addsuffix /,$(CARGO_BUILD_TARGET))release

build: $(LIB)/libuserns.so $(OUT)/libuserns.a $(PROGRAMS:%=$(OUT)/%)

# Each crate type alone: with a Rust library beside it, cargo drops link-time optimisation.
$(LIB)/libuserns.so: $(SOURCES)
	$(CARGO) rustc --release --lib --crate-type cdylib --target-dir $(OUT)
	ln -sf libuserns.so $(LIB)/$(SONAME)
	touch $@

$(LIB)/libuserns.a: $(SOURCES)
	$(CARGO) rustc --release --lib --crate-type staticlib --target-dir $(OUT)
	touch $@

# One object whose only global names are those of the header. Those of Rust's standard library
# would clash with any other static library that is written in Rust.
$(OUT)/libuserns.a: $(LIB)/libuserns.a
	$(CC) -r -nostdlib -Wl,--force-group-allocation -o $(OUT)/userns.o \
	    $$(sed -n 's/^[a-z].*[ *]\(userns_[a-z_]*\)(.*/-Wl,-u,\1/p' include/userns.h) $<
	$(OBJCOPY) --strip-debug --wildcard --keep-global-symbol='userns_*' $(OUT)/userns.o
	rm -f $@
	$(AR) rcs $@ $(OUT)/userns.o

$(OUT)/%: examples-c/%.c $(LIB)/libuserns.so
	$(CC) -std=c99 -D_POSIX_C_SOURCE=200809L $(CPPFLAGS) $(CFLAGS) -Iinclude -o $@ $< \
	    $(LDFLAGS) -L$(LIB) -luserns

check:
	$(CARGO) test

SHARED    = libuserns.so.$(VERSION)
CMAKE     = cmake/userns/userns-config.cmake cmake/userns/userns-config-version.cmake
TEMPLATES = pkgconfig/userns.pc $(CMAKE)

install: build
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(INCLUDEDIR) \
	    $(sort $(dir $(TEMPLATES:%=$(DESTDIR)$(LIBDIR)/%) $(MANUALS:man/%=$(DESTDIR)$(MANDIR)/%)))
	$(INSTALL) $(PROGRAMS:%=$(OUT)/%) $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 644 $(HEADERS:%=include/%) $(DESTDIR)$(INCLUDEDIR)
	for page in $(MANUALS:man/%=%); do $(INSTALL) -m 644 man/$$page $(DESTDIR)$(MANDIR)/$$page || exit; done
	$(INSTALL) -m 644 $(OUT)/libuserns.a $(DESTDIR)$(LIBDIR)
	$(INSTALL) $(LIB)/libuserns.so $(DESTDIR)$(LIBDIR)/$(SHARED)
	ln -sf $(SHARED) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SHARED) $(DESTDIR)$(LIBDIR)/libuserns.so
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
	    $(MANUALS:man/%=$(DESTDIR)$(MANDIR)/%) \
	    $(addprefix $(DESTDIR)$(LIBDIR)/,libuserns.a $(SHARED) $(SONAME) libuserns.so $(TEMPLATES))
	rm -rf $(DESTDIR)$(LIBDIR)/cmake/userns

.PHONY: build check install uninstall
