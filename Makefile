# Tapio: build, run, test. `make help` lists the targets.
#
#   make run FOR=30s ARCHIVE=./tapio-archive     how long, and where the archive goes
#   make test FILTER=TapioArchiveTests           a part of the tests
#   make release && sudo make install PREFIX=/usr/local DESTDIR=

SHELL       := /bin/bash
PREFIX      ?= /usr/local
SYSCONFDIR  ?= /etc
DESTDIR     ?=
ARCHIVE     ?= ./tapio-archive
SWIFT       ?= swift
# Tests and BPF need root; a build does not.
AS_ROOT     := $(shell [ "$$(id -u)" = 0 ] || echo sudo -E env "PATH=$$PATH")
# On a terminal the agent runs until Ctrl-C, elsewhere for half a minute.
FOR         ?= $(shell [ -t 1 ] || echo 30s)
RELEASE     := .build/release/tapio
# Swift's libraries are in the program: it runs where no toolchain is. The container's image is built with the same.
RELEASE_FLAGS := -c release --product tapio --static-swift-stdlib
VERSION     := $(shell sed -n 's/.*static let current = "\(.*\)".*/\1/p' Sources/TapioAgent/Status/TapioVersion.swift)
# The rings' tests send millions of items each: optimised, and built without the rest of the package.
RING_TESTS  := TAPIO_PACKAGE=rings $(SWIFT) test -c release -Xswiftc -enable-testing --no-parallel

# Those in which threads meet. Not the benchmark's naive baseline: a sanitizer does not see the standard library's lock.
TSAN_SUITES := TapioPipelineTests.(PipelineTests|AggregationPipelineTests|AggregationSwitchTests|KernelPipelineTests|EventTapTests|LaneIntakeTests|LatencyHistogramTests|PressureGaugeTests|LaterNamesTests)

.DEFAULT_GOAL := help
.PHONY: built help run test test-rings test-kernels tsan build release format lint rules install dist uninstall clean deps test-deps bench

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: deps release ## Build, watch this machine live, leave an archive and say how to query it
	@$(AS_ROOT) $(RELEASE) run --config config/tapio.yaml --archive "$(ARCHIVE)" $(if $(FOR),--for $(FOR))

test: deps test-deps ## Run all tests, on real kernel events where they need them
	$(SWIFT) build --build-tests
	$(AS_ROOT) env CI="$(CI)" SWIFT="$(SWIFT)" .ci/run-tests $(if $(FILTER),'$(FILTER)')
	$(if $(FILTER),,$(MAKE) test-rings)

test-rings: deps ## Run the tests of rings, deque and pool with millions of items
	$(RING_TESTS) --scratch-path .build-rings

test-kernels: release ## Run the agent on Debian's stock kernel (6.1) in an emulator
	@.ci/packages kernels
	.ci/test-kernels

tsan: deps ## Run the tests of the concurrent parts under ThreadSanitizer
	$(RING_TESTS) --scratch-path .build-rings-tsan --sanitize=thread -Xswiftc -DTHREAD_SANITIZER
	TAPIO_PACKAGE=pipeline $(SWIFT) test --sanitize=thread --scratch-path .build-tsan --no-parallel --filter '$(TSAN_SUITES)'

build: deps ## Build for debugging
	$(SWIFT) build --build-tests

release: deps ## Build the optimised program: .build/release/tapio
	$(SWIFT) build $(RELEASE_FLAGS)

bench: release ## Measure on this machine (see bench-results/)
	$(AS_ROOT) $(RELEASE) bench all

format: deps ## Format Swift and C sources
	swift format -i -r Package.swift Plugins Sources Tests
	clang-format -i bpf/*.c bpf/include/*.h bpf/kernel/*.h Sources/C*/*.c Sources/C*/include/*.h

lint: deps ## Check format and style, warnings being errors
	swift format lint --strict -r Package.swift Plugins Sources Tests
	clang-format --dry-run -Werror bpf/*.c bpf/include/*.h bpf/kernel/*.h Sources/C*/*.c Sources/C*/include/*.h

rules: ## Write the alert rules anew as Prometheus' operator and the chart take them
	.ci/prometheus-rules

# Completions are where each shell looks for them by itself; the unit says where the program is.
UNITDIR         ?= $(PREFIX)/lib/systemd/system
BASH_COMPLETION := $(PREFIX)/share/bash-completion/completions/tapio
ZSH_COMPLETION  := $(PREFIX)/share/zsh/site-functions/_tapio
FISH_COMPLETION := $(PREFIX)/share/fish/vendor_completions.d/tapio.fish
UNIT            := $(UNITDIR)/tapio.service
MANUAL          := $(PREFIX)/share/man/man1
DOCUMENTS       := $(PREFIX)/share/doc/tapio
CONFIGURATION   := $(SYSCONFDIR)/tapio

# Under sudo nothing is built: root's path has no toolchain, and what root builds the user cannot build again.
install: $(if $(SUDO_USER),built,release) ## Install program, configuration, unit, completions and manual (PREFIX, UNITDIR, SYSCONFDIR, DESTDIR)
	install -D -m 0755 $(RELEASE) "$(DESTDIR)$(PREFIX)/bin/tapio"
	install -D -m 0644 LICENSE "$(DESTDIR)$(DOCUMENTS)/LICENSE"
	install -D -m 0644 config/tapio.yaml "$(DESTDIR)$(CONFIGURATION)/tapio.yaml.example"
	[ -e "$(DESTDIR)$(CONFIGURATION)/tapio.yaml" ] || install -m 0644 deploy/systemd/tapio.yaml "$(DESTDIR)$(CONFIGURATION)/tapio.yaml"
	install -d -m 0750 "$(DESTDIR)/var/lib/tapio"
	install -D -m 0644 deploy/systemd/tapio.service "$(DESTDIR)$(UNIT)"
	sed -i 's|/usr/local/bin/|$(PREFIX)/bin/|' "$(DESTDIR)$(UNIT)"
	for shell in bash:$(BASH_COMPLETION) zsh:$(ZSH_COMPLETION) fish:$(FISH_COMPLETION); do \
		install -d "$(DESTDIR)$$(dirname "$${shell#*:}")" && \
		$(RELEASE) --generate-completion-script "$${shell%%:*}" >"$(DESTDIR)$${shell#*:}" && \
		chmod 0644 "$(DESTDIR)$${shell#*:}" || exit 1; \
	done
	$(RELEASE) manual --into "$(DESTDIR)$(MANUAL)"

built:
	@[ -x $(RELEASE) ] || { echo "there is no $(RELEASE): run \`make release\` first, without sudo" >&2; exit 1; }

# Unpacked at the root of a node it is what install puts there, without the configuration and the archive's directory, which are
# the node's own, and without directories, whose modes would become those of the node's. No debugger's tables, a quarter of it;
# names of functions stay, for backtraces.
DIST    := tapio-$(VERSION)-linux-$(shell uname -m)
DISTDIR ?= .build-dist
dist: release ## Pack what install installs, for nodes without a toolchain: DISTDIR/tapio-VERSION-linux-ARCH.tar.gz
	mkdir -p "$(DISTDIR)" && rm -rf "$(DISTDIR)/$(DIST)"
	$(MAKE) -s -o release -o built install DESTDIR="$(abspath $(DISTDIR))/$(DIST)"
	rm -r "$(DISTDIR)/$(DIST)/var" "$(DISTDIR)/$(DIST)$(CONFIGURATION)/tapio.yaml"
	strip --strip-debug "$(DISTDIR)/$(DIST)$(PREFIX)/bin/tapio"
	cd "$(DISTDIR)" && find "$(DIST)" -type f | LC_ALL=C sort | tar -czf "$(DIST).tar.gz" --owner=0 --group=0 --numeric-owner \
		--mode=u=rwX,go=rX --mtime="@$${SOURCE_DATE_EPOCH:-$$(stat -c %Y "$(abspath $(RELEASE))")}" -T -
	cd "$(DISTDIR)" && sha256sum "$(DIST).tar.gz" | tee "$(DIST).tar.gz.sha256"
	rm -rf "$(DISTDIR)/$(DIST)"

uninstall: ## Remove what install put there; configuration and archives stay
	rm -f "$(DESTDIR)$(PREFIX)/bin/tapio" "$(DESTDIR)$(BASH_COMPLETION)" "$(DESTDIR)$(ZSH_COMPLETION)" "$(DESTDIR)$(FISH_COMPLETION)" "$(DESTDIR)$(UNIT)"
	rm -f "$(DESTDIR)$(DOCUMENTS)/LICENSE" "$(DESTDIR)$(CONFIGURATION)/tapio.yaml.example"
	rm -f "$(DESTDIR)$(MANUAL)/tapio.1" "$(DESTDIR)$(MANUAL)"/tapio-*.1

clean: ## Remove what builds made; archives stay
	rm -rf .build .build-*

deps:
	@.ci/packages build

test-deps:
	@.ci/packages test
	@.ci/python-venv
