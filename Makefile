# ringaudit: each target is one thing that a user or a developer does. `make` alone lists them.
# What a target needs is installed when it is absent (Debian, root), else named in one line: cross/need.

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR    ?=
# What `make run` gives to ringaudit after the word "run", as in: make run ARGS="-c my.toml"
ARGS       ?=
# How long `make fuzz` runs each target
SECONDS    ?= 600
# How many `make endurance` makes; a day of 579 a second is 50000000
EVENTS     ?= 1000000
# What `make install` installs: `make static install BIN=dist/x86_64-unknown-linux-musl/ringaudit`
BIN        ?= target/release/ringaudit

SBINDIR    = $(DESTDIR)$(PREFIX)/sbin
MANDIR     = $(DESTDIR)$(PREFIX)/share/man/man8
UNITDIR    = $(DESTDIR)$(PREFIX)/lib/systemd/system
# The other service managers' files; move or link what yours wants.
SERVICES   = $(DESTDIR)$(PREFIX)/share/ringaudit
CONFIG     = $(DESTDIR)$(SYSCONFDIR)/ringaudit.toml

# What `make static`, `make minimal` and `make full` build for, if not for x86_64: one of these, as in
# `make minimal TARGET=armv7-unknown-linux-musleabihf`
TARGET     ?=
TARGETS    = x86_64-unknown-linux-musl aarch64-unknown-linux-musl armv7-unknown-linux-musleabihf

export CARGO_TARGET_DIR := target

.PHONY: help run build test lint static minimal full cross boot peers judge fuzz bench endurance install uninstall clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build, then print this machine's program executions as JSON lines (root; ARGS="-c FILE")
	@target/release/ringaudit run $(ARGS)

build: ## build target/release/ringaudit
	@cross/cargo build --release --locked

test: ## run everything; the last lines count the tests of each group (root)
	@tests/run

lint: ## check the format, clippy, that unsafe stays in src/sys, and that no file outgrows its room
	@tests/run lint

static: ## build the static binary dist/x86_64-unknown-linux-musl/ringaudit, at most 512 KiB (FEATURES: cross/features)
	@cross/build $(or $(TARGET),$(firstword $(TARGETS)))

minimal: ## build the smallest one, dist/minimal/ringaudit: no default features, at most 300 KiB (TARGET=... for ARM)
	@cross/build minimal$(TARGET:%=/%)

full: ## build the one with all features, dist/full/ringaudit: at most 832 KiB (TARGET=... for ARM)
	@cross/build full$(TARGET:%=/%)

cross: ## build a static binary for x86_64, aarch64 and armv7 each, in dist/TARGET/
	@cross/build $(TARGETS)

boot: cross ## start each static binary in a virtual machine and look for its events; and go on from an initramfs
	@cross/build $(foreach size,minimal full,$(size) $(patsubst %,$(size)/%,$(filter-out x86_64%,$(TARGETS))))
	@tests/boot/run

peers: ## compare 100,000 real events with what laurel, ausearch and aureport make of them, and send as many to rsyslogd, syslog-ng and Graylog's reader (root)
	@RINGAUDIT_TEST_EVENTS=100000 tests/run peers

judge: ## hold 10,000 made-up rules against what auditctl makes of them, ten minutes (root)
	@cross/need auditctl=auditd
	@RINGAUDIT_TEST_RULES=10000 cross/cargo test --locked --test auditctl_live -- --test-threads=1 --nocapture

fuzz: ## run each fuzz target for 10 minutes (SECONDS=600)
	@fuzz/run -s $(SECONDS)

bench: static ## measure the static binary against a null receiver, auditd and laurel (root; x86_64)
	@cross/need auditd=auditd laurel=laurel
	@RINGAUDIT_BIN=$(CURDIR)/dist/x86_64-unknown-linux-musl/ringaudit cross/cargo bench --locked --bench capture
	@RINGAUDIT_BIN=$(CURDIR)/dist/x86_64-unknown-linux-musl/ringaudit cross/cargo bench --locked --bench replay
	@RINGAUDIT_BIN=$(CURDIR)/dist/x86_64-unknown-linux-musl/ringaudit cross/cargo bench --locked --bench rules
	@cross/cargo bench --locked --bench format
	@RINGAUDIT_BENCH=top cross/cargo bench --locked --bench capture

endurance: static ## send 1,000,000 events through replay: memory, descriptors, counters (EVENTS=50000000: a day's)
	@EVENTS=$(EVENTS) RINGAUDIT_BIN=$(CURDIR)/dist/x86_64-unknown-linux-musl/ringaudit cross/cargo bench --locked --bench endurance

# What the binary has not, its config and services do without.
install: ## install under DESTDIR and PREFIX (/usr/local); an existing /etc/ringaudit.toml is kept
	@test -x $(BIN) || { echo "missing: $(BIN): run 'make build' or 'make static' first" >&2; exit 1; }
	install -D -m 755 $(BIN) $(SBINDIR)/ringaudit
	install -D -m 644 docs/ringaudit.8 $(MANDIR)/ringaudit.8
	@if test -e $(CONFIG); then echo "$(CONFIG) is kept"; \
	else \
	    example=contrib/ringaudit.toml; \
	    $(BIN) check -c $$example >/dev/null 2>&1 || example=contrib/ringaudit-small.toml; \
	    echo "$$example becomes $(CONFIG)"; \
	    install -D -m 640 $$example $(CONFIG); \
	fi
	install -D -m 644 contrib/ringaudit.service $(UNITDIR)/ringaudit.service
	install -D -m 755 contrib/openrc/ringaudit $(SERVICES)/openrc/ringaudit
	install -D -m 755 contrib/runit/run $(SERVICES)/runit/run
	install -D -m 755 contrib/runit/finish $(SERVICES)/runit/finish
	install -D -m 644 contrib/busybox/inittab $(SERVICES)/busybox/inittab
	install -D -m 755 contrib/busybox/S02ringaudit $(SERVICES)/busybox/S02ringaudit
	sed -i 's|/usr/local/sbin/|$(PREFIX)/sbin/|' $(UNITDIR)/ringaudit.service $(SERVICES)/*/*
	@$(BIN) --help 2>/dev/null | grep -q -e --daemonize || { \
	    echo "$(BIN) has not the feature supervise: systemd and OpenRC are not told when it works"; \
	    sed -i -e 's/^Type=notify$$/Type=exec/' -e '/^WatchdogSec=/d' $(UNITDIR)/ringaudit.service; \
	    sed -i -e 's/--daemonize --pid-file $$pidfile //' -e '/^# It goes into the background by itself/d' \
	        -e '/^pidfile=/a command_background=yes' $(SERVICES)/openrc/ringaudit; \
	}
	@$(BIN) --version >/dev/null 2>&1 || \
	    echo "$(BIN) does not run on this machine: config and services are such as each binary takes"

uninstall: ## remove what `make install` put there; the config stays
	rm -f $(SBINDIR)/ringaudit $(MANDIR)/ringaudit.8 $(UNITDIR)/ringaudit.service
	rm -rf $(SERVICES)

clean: ## remove what was built (target, dist); downloads stay in .cache
	rm -rf target dist
