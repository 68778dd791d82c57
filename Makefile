# rehome: build, test, show.  `make help` lists the targets; V=1 shows the commands.
#
#   SANITIZE=address,undefined | thread    a build of its own under build/
#   BUILD=DIR                              another place for what is built
#   S=SECONDS SEED=N                       how long make soak goes on, and with which events

PACKAGES := build-essential pkg-config ccache clang clang-format clang-tidy shellcheck scdoc \
	libdpdk-dev dpdk-dev libnl-3-dev libnl-route-3-dev libpcap-dev libboost-program-options-dev \
	libboost-math-dev nlohmann-json3-dev libvalijson-dev libexpected-dev libfmt-dev libssl-dev doctest-dev \
	librapidcheck-dev libbdd-dev libmnl-dev libsqlite3-dev libjs-dygraphs \
	bird2 frr nftables iptables ipset mosquitto mosquitto-clients iproute2 iputils-ping ethtool tcpdump \
	util-linux procps openssl systemd python3 python3-scapy traceroute jq curl git \
	nginx-light wrk dnsmasq-base dnsperf iperf3 openssh-server openssh-client strace fping irtt mtr-tiny

PREFIX ?= /usr/local
empty :=
comma := ,
BUILD ?= build$(if $(SANITIZE),/sanitize-$(subst $(comma),-,$(SANITIZE)))
PROGRAMS := vipd vipctl lbsync probe cutover
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' "$(1)" "$(2)")

# Without -j, use every core; a make within make shares its parent's.
MAKEFLAGS += --no-print-directory $(if $(filter 0,$(MAKELEVEL)),-j$(shell nproc))

CXX := $(shell command -v ccache) g++
pkg_cflags = $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(1) 2>/dev/null))
pkg_libs = $(shell pkg-config --libs $(1) 2>/dev/null)
# gcc takes instrumented code for uninitialized where it is not; the plain build still warns.
SANITIZERS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -Wno-maybe-uninitialized)
# Enough for a backtrace's functions and lines; DEBUG=-g tells a debugger of variables too.
DEBUG ?= -g1
# The sanitizers' checks take twice as long to compile at -O2 as at -O1.
OPTIMIZE := $(if $(SANITIZE),-O1,-O2)
CXXFLAGS := -std=c++20 $(OPTIMIZE) $(DEBUG) -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror $(SANITIZERS)
CPPFLAGS := -I. -I$(BUILD)/gen -MMD -MP
LDFLAGS := $(SANITIZERS)

# ThreadSanitizer has to be told of the order that DPDK's pools give.
POOL_ORDER := $(if $(findstring thread,$(SANITIZE)),$(BUILD)/obj/tests/sanitize/pool_order.o)
LDFLAGS += $(if $(POOL_ORDER),-Wl$(comma)--wrap=rte_pktmbuf_pool_init)

# What a folder needs beyond the common libraries.
CPPFLAGS_vipd = $(call pkg_cflags,libdpdk libnl-route-3.0)
LIBS_common = -lboost_program_options -lfmt -lcrypto
LIBS_vipd = $(call pkg_libs,libdpdk libnl-route-3.0) -lpcap $(LIBS_common)
LIBS_vipctl = $(LIBS_common)
LIBS_lbsync = $(LIBS_common) -lmnl -lbdd
LIBS_probe = $(LIBS_common) -lsqlite3 -lpcap $(call pkg_libs,libnl-route-3.0)
LIBS_cutover = $(LIBS_common)
$(BUILD)/test/unit-cutover: LIBS_cutover += -lrapidcheck
$(BUILD)/test/unit-probe: LIBS_probe += -lrapidcheck
$(BUILD)/test/unit-lbsync: LIBS_lbsync += -lrapidcheck
$(BUILD)/test/unit-vipd: LIBS_vipd += -lrapidcheck

# Folders: P/main.cpp is the program, P/adapter touches the world, P/command and P/daemon put things
# together; P's other rooms are pure.
SOURCES := $(shell find common $(PROGRAMS) -name '*.cpp' | LC_ALL=C sort)
object = $(patsubst %.cpp,$(BUILD)/obj/%.o,$(1))
library = $(patsubst %,$(BUILD)/lib/%.a,$(1))
parts = $(filter-out %/main.cpp,$(filter $(1)/%,$(SOURCES)))

SCHEMAS := $(wildcard common/formats/*.schema.json)
MANUALS := $(wildcard $(foreach p,common $(PROGRAMS),$(p)/*.scd))
LAB_TOOLS := $(patsubst tests/lab/%.cpp,$(BUILD)/lab/%,$(wildcard tests/lab/*.cpp))
UNIT_PROGRAMS := common $(PROGRAMS)
UNITS := $(UNIT_PROGRAMS:%=$(BUILD)/test/unit-%)
KILL_AT := $(BUILD)/kills/kill_at.so

TARGETS := all deps demo demo-upgrade test test-memory test-thread test-kills test-fresh unit smoke apps soak bench bench-vipd bench-cutover bench-probe baseline bench-tables fuzz \
	lint format install clean
.PHONY: $(TARGETS) help
all: $(PROGRAMS:%=$(BUILD)/bin/%) $(LAB_TOOLS) manuals
	@:

help:
	@sed -n 's/^#   //p' Makefile; echo "targets: $(TARGETS)"

deps:
	$(Q)tests/deps $(PACKAGES)

# The schemas are compiled in as raw string literals.  Precious: make would delete them as mere steps.
.PRECIOUS: $(BUILD)/gen/%.schema.inc
$(BUILD)/gen/%.schema.inc: %.schema.json
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && { printf 'R"json('; cat $<; printf ')json"\n'; } > $@

# All of them, {"NAME", SCHEMA} each, for formats.cpp there; the folder's time tells that one has gone.
ALL_SCHEMAS := $(BUILD)/gen/common/formats/all.inc
$(ALL_SCHEMAS): $(SCHEMAS) common/formats
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && for schema in $(SCHEMAS); do name=$${schema##*/}; \
		printf '{"%s", R"json(' $${name%.schema.json}; cat $$schema; printf ')json"},\n'; done > $@

# What the page of `probe report` is made of, likewise; Debian's dygraphs among it.
PAGE := $(patsubst %,$(BUILD)/gen/%.inc,$(wildcard probe/report/page/*) dygraphs/dygraph.min.js)
vpath dygraphs/dygraph.min.js /usr/share/javascript
$(PAGE): $(BUILD)/gen/%.inc: %
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && { printf 'R"page('; cat $<; printf ')page"\n'; } > $@
GENERATED := $(patsubst %.json,$(BUILD)/gen/%.inc,$(SCHEMAS)) $(ALL_SCHEMAS) $(PAGE)

$(BUILD)/obj/%.o: %.cpp Makefile | $(GENERATED)
	$(call say,CXX,$<)
	$(Q)mkdir -p $(@D) && $(CXX) $(CXXFLAGS) $(CPPFLAGS) $(CPPFLAGS_$(firstword $(subst /, ,$(patsubst tests/unit/%,%,$*)))) -c $< -o $@

# JSON is for now and then: what -O2 adds to json.hpp's and valijson's templates over -O1 is a
# fifth of the time to compile.
$(call object,$(shell grep -l 'nlohmann/json.hpp' $(SOURCES))): CXXFLAGS += -O1

# Where most packets pass is worth the compiler's while.
$(BUILD)/obj/vipd/path/fast.o $(BUILD)/obj/vipd/adapter/worker.o: CXXFLAGS += $(if $(SANITIZE),,-O3)

define archive
$(BUILD)/lib/$(1).a: $$(call object,$$(call parts,$(1)))
	$$(call say,AR,$$@)
	$$(Q)mkdir -p $$(@D) && rm -f $$@ && ar crs $$@ $$^
endef
$(foreach p,common $(PROGRAMS),$(eval $(call archive,$(p))))

define program
$(BUILD)/bin/$(1): $$(call object,$(1)/main.cpp) $$(call library,$(1) common)
	$$(call say,LINK,$$@)
	$$(Q)mkdir -p $$(@D) && $$(CXX) $$(LDFLAGS) $$^ $$(LIBS_$(1)) -o $$@
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

$(BUILD)/bin/vipd $(BUILD)/test/unit-vipd: $(POOL_ORDER)
$(BUILD)/obj/tests/sanitize/pool_order.o: CPPFLAGS += $(CPPFLAGS_vipd)

define unit_program
$(BUILD)/test/unit-$(1): $$(call object,tests/unit/main.cpp $$(shell find tests/unit/$(1) -name "*.cpp" | LC_ALL=C sort)) $$(call library,$$(filter-out common,$(1)) common)
	$$(call say,LINK,$$@)
	$$(Q)mkdir -p $$(@D) && $$(CXX) $$(LDFLAGS) $$^ $$(LIBS_$(1)) -o $$@
endef
$(foreach p,$(UNIT_PROGRAMS),$(eval $(call unit_program,$(p))))

# Rows of packets as bytes, for the smoke test that runs them through the real binary.
PACKET_ROWS := $(BUILD)/test/packet-rows
$(PACKET_ROWS): $(call object,tests/smoke/packet_rows.cpp tests/unit/vipd/packet_rows.cpp) $(call library,vipd common)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CXX) $(LDFLAGS) $^ $(LIBS_vipd) -o $@

$(BUILD)/lab/%: $(BUILD)/obj/tests/lab/%.o $(BUILD)/lib/common.a
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CXX) $(LDFLAGS) $^ $(LIBS_common) -o $@

.PHONY: manuals
manuals: $(foreach m,$(MANUALS),$(BUILD)/man/$(notdir $(m:.scd=)))
define manual
$(BUILD)/man/$(notdir $(1:.scd=)): $(1)
	$$(call say,MAN,$$@)
	$$(Q)mkdir -p $$(@D) && scdoc < $$< > $$@
endef
$(foreach m,$(filter-out vipctl/vipctl.8.scd,$(MANUALS)),$(eval $(call manual,$(m))))

# The lists in vipctl(8) are the program's own: the lines @DROPS@ and @COUNTERS@ become them.
$(BUILD)/man/vipctl.8: vipctl/vipctl.8.scd $(BUILD)/bin/vipd
	$(call say,MAN,$@)
	$(Q)mkdir -p $(@D) && $(BUILD)/bin/vipd drops | \
		sed -E 's/^([a-z_]+) +(.)(.*)/*\1*\n\t\U\2\E\3.\n/' > $@.drops
	$(Q)$(BUILD)/bin/vipd counters | grep -v ^drops/ | \
		sed -E 's/^([^ ]+) +([^ ]+) +(.)(.*)/*\1*, _\2_\n\t\U\3\E\4.\n/' > $@.counters
	$(Q)sed -e '/^@DROPS@$$/{r $@.drops' -e 'd}' -e '/^@COUNTERS@$$/{r $@.counters' -e 'd}' $< | \
		scdoc > $@ && rm $@.drops $@.counters

unit: $(UNITS)
	$(Q)tests/run $(BUILD) unit

smoke: all $(PACKET_ROWS) $(KILL_AT)
	$(Q)tests/run $(BUILD) smoke

# deps first: what follows cannot even be parsed into rules without the libraries.
test: deps
	$(Q)$(MAKE) all $(UNITS) $(PACKET_ROWS) $(KILL_AT)
	$(Q)tests/run $(BUILD) unit smoke

# Real applications through every kind of service: what each carried, its errors, vipd's drops.
apps: deps
	$(Q)$(MAKE) $(BUILD)/bin/vipd $(BUILD)/bin/vipctl
	$(Q)BUILD=$(abspath $(BUILD)) timeout 1200 tests/apps/apps

# The unit tests under the sanitizers, and the smoke tests in which vipd's threads meet.  Undefined
# behaviour ends its test, which would go on and pass.
test-memory:
	$(Q)UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 UNIT_TIMEOUT_S=900 $(MAKE) SANITIZE=address,undefined unit

test-thread:
	$(Q)$(MAKE) SANITIZE=thread threads

# Killed at every system call that writes: cutover, which loses no act and does none twice, and what lbsync runs on a
# target, which is then in the old state or in the new one.
test-kills: $(BUILD)/bin/cutover $(BUILD)/bin/lbsync $(KILL_AT)
	$(Q)BUILD=$(abspath $(BUILD)) tests/kills/kills.py $(ARGS)
	$(Q)BUILD=$(abspath $(BUILD)) tests/kills/targets.sh $(ARGS)

$(KILL_AT): $(BUILD)/kills/%.so: tests/kills/%.cpp
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CXX) $(CXXFLAGS) -fPIC -c $< -o $(@:.so=.o)
	$(Q)$(CXX) -shared $(@:.so=.o) -o $@

# What is committed, in a Debian that has nothing.
test-fresh:
	$(Q)tests/fresh $(BUILD)/fresh

.PHONY: threads
threads: $(BUILD)/bin/vipd $(BUILD)/bin/vipctl $(UNITS)
	$(Q)tests/threads $(BUILD)

demo: deps
	$(Q)$(MAKE) all
	$(Q)tests/lab/demo $(BUILD)

# The demo with an earlier vipd at both gateways, of which the new one becomes today's in mid-relay.
demo-upgrade: deps
	$(Q)$(MAKE) all build/earlier/build/bin/vipd
	$(Q)tests/lab/demo $(BUILD) --earlier build/earlier/build

# Live sessions, and whatever befalls two sites at random, for so many seconds.
S ?= 300
soak: all
	$(Q)BUILD=$(abspath $(BUILD)) bash tests/soak/soak.sh $(S) $(SEED)

bench: all
	$(Q)for bench in tests/bench/*.sh; do BUILD=$(abspath $(BUILD)) bash $$bench || exit 1; done

# The datapath's speed; ARGS goes to the driver, as in ARGS="rows --quick" (see tests/bench/vipd.py --help).
BENCH_TOOLS := $(patsubst tests/bench/%.cpp,$(BUILD)/bench/%,$(filter-out %/tables.cpp,$(wildcard tests/bench/*.cpp)))
.SECONDARY: $(call object,$(wildcard tests/bench/*.cpp))
bench-vipd: $(BUILD)/bin/vipd $(BUILD)/bin/vipctl $(BENCH_TOOLS)
	$(Q)BUILD=$(abspath $(BUILD)) tests/bench/vipd.py $(ARGS)

# What cutover's own work costs; ARGS goes to the driver (see tests/bench/cutover/cutover.py --help).
CUTOVER_BENCH := $(patsubst %,$(BUILD)/bench/cutover/%,nothing sync_clock.so stamp ssh journal_of)
bench-cutover: $(BUILD)/bin/cutover $(CUTOVER_BENCH)
	$(Q)BUILD=$(abspath $(BUILD)) tests/bench/cutover/cutover.py $(ARGS)

$(BUILD)/bench/cutover/%: $(BUILD)/obj/tests/bench/cutover/%.o $(call library,cutover common)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CXX) $(LDFLAGS) $^ $(LIBS_cutover) -o $@

$(BUILD)/bench/cutover/sync_clock.so: tests/bench/cutover/sync_clock.cpp
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CXX) $(CXXFLAGS) -fPIC -c $< -o $(@:.so=.o)
	$(Q)$(CXX) -shared $(@:.so=.o) -o $@

$(BUILD)/bench/cutover/nothing: tests/bench/cutover/nothing.cpp
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CXX) -O2 -static -nostdlib -ffreestanding $< -o $@

# How far probe's verdicts and figures can be trusted; ARGS goes to the driver (see tests/bench/probe/probe.py --help).
bench-probe: $(BUILD)/bench/probe/compare $(BUILD)/bench/probe/day $(BUILD)/bin/probe $(BUILD)/lab/wire
	$(Q)BUILD=$(abspath $(BUILD)) tests/bench/probe/probe.py $(ARGS)

$(BUILD)/bench/probe/%: $(BUILD)/obj/tests/bench/probe/%.o $(call library,probe common)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CXX) $(LDFLAGS) $^ $(LIBS_probe) -o $@

# What lbsync costs; ARGS goes to the driver (see tests/bench/lbsync/lbsync.py --help).
LBSYNC_BENCH := $(patsubst tests/bench/lbsync/%.cpp,$(BUILD)/bench/lbsync/%,$(wildcard tests/bench/lbsync/*.cpp))
bench-lbsync: $(BUILD)/bin/lbsync $(LBSYNC_BENCH)
	$(Q)BUILD=$(abspath $(BUILD)) tests/bench/lbsync/lbsync.py $(ARGS)

$(BUILD)/bench/lbsync/%: $(BUILD)/obj/tests/bench/lbsync/%.o $(call library,lbsync common)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CXX) $(LDFLAGS) $^ $(LIBS_lbsync) -o $@

# vipd of the commits that files name, built apart: the one that changes are held against
# (ARGS="rows --against build/baseline/build"), and the one that the demo of an upgrade begins with.
baseline: build/baseline/build/bin/vipd
define vipd_of
build/$(1)/build/bin/vipd: $(2)
	$$(call say,BASE,$$(shell cut -c1-12 $(2)))
	$$(Q)rm -rf build/$(1) && mkdir -p build/$(1)
	$$(Q)git archive "$$$$(cat $$<)" | tar -x -C build/$(1)
	$$(Q)$$(MAKE) -C build/$(1) BUILD=build build/bin/vipd build/bin/vipctl
endef
$(eval $(call vipd_of,baseline,tests/bench/baseline))
$(eval $(call vipd_of,earlier,tests/lab/earlier))

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CXX) $(LDFLAGS) $^ -o $@

$(BUILD)/bench/tag: $(call object,tests/bench/tag.cpp tests/unit/vipd/packets.cpp) $(call library,vipd common)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CXX) $(LDFLAGS) $^ $(LIBS_vipd) -o $@

$(BUILD)/bench/tables: $(BUILD)/obj/tests/bench/tables.o $(call library,vipd common)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CXX) $(LDFLAGS) $^ $(LIBS_vipd) -o $@

# What vipd's tables cost, and what a change of the configuration moves.
bench-tables: $(BUILD)/bench/tables
	$(Q)$<

# Fuzzers: clang's, over the pure parts that they need; FUZZ_S seconds each, the corpus is kept.
FUZZ_S ?= 60
FUZZ_CXX := $(shell command -v ccache) clang++ -std=c++20 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZERS := $(patsubst tests/fuzz/%.cpp,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*_fuzz.cpp))
parts_datapath_fuzz := $(filter-out vipd/state/keyring_text%,$(filter $(patsubst %,vipd/%/%,packet route placement access health state flow path watch),$(SOURCES))) \
	$(filter-out common/command.cpp,$(call parts,common)) tests/unit/vipd/lab.cpp tests/unit/vipd/packets.cpp
parts_requests_fuzz := $(parts_datapath_fuzz)
parts_health_fuzz := vipd/health/attempt.cpp $(filter-out common/command.cpp,$(call parts,common))
parts_packet_fuzz := $(patsubst %,vipd/packet/%.cpp,checksum fragment_v4 icmp ip_header mss packet rewrite) vipd/flow/fragments.cpp \
	common/address.cpp common/special_addresses.cpp common/error.cpp tests/unit/vipd/packets.cpp
parts_inventory_fuzz := $(filter-out common/command.cpp common/sha256.cpp common/vipd_config/%,$(call parts,common))
parts_iptables_fuzz := $(filter lbsync/iptables/% lbsync/policy/%,$(SOURCES)) \
	$(patsubst %,common/%.cpp,address special_addresses error sha256)
parts_lbsync_nft_fuzz := $(parts_iptables_fuzz) $(filter-out lbsync/nft/canonical.cpp lbsync/nft/members.cpp lbsync/nft/learned.cpp,$(filter lbsync/kernel/% lbsync/nft/% lbsync/outside/%,$(SOURCES)))
parts_lbsync_kernel_fuzz := $(parts_lbsync_nft_fuzz)
parts_services_fuzz := $(filter lbsync/services/%,$(SOURCES)) lbsync/policy/services.cpp \
	$(patsubst %,common/%.cpp,address special_addresses error)
parts_stamp_fuzz := $(patsubst %,probe/core/%.cpp,directions reflection sessions source_limits stamp stamp_extensions statistics udp_flow wire) \
	common/address.cpp common/error.cpp common/hmac.cpp
fuzz_object = $(patsubst %.cpp,$(BUILD)/fuzz/obj/%.o,$(1))

$(BUILD)/fuzz/obj/%.o: %.cpp Makefile | $(GENERATED)
	$(call say,FUZZ,$<)
	$(Q)mkdir -p $(@D) && $(FUZZ_CXX) -fsanitize=fuzzer-no-link $(CPPFLAGS) -c $< -o $@

define fuzzer
$(1): $$(call fuzz_object,tests/fuzz/$(notdir $(1)).cpp $$(parts_$(notdir $(1))))
	$$(call say,LINK,$$@)
	$$(Q)$$(FUZZ_CXX) -fsanitize=fuzzer $$^ -lfmt -lcrypto -lmnl -o $$@
endef
$(foreach f,$(FUZZERS),$(eval $(call fuzzer,$(f))))

fuzz: $(FUZZERS)
	$(Q)for f in $^; do mkdir -p $$f.corpus && $$f -max_total_time=$(FUZZ_S) -max_len=2000 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix=$$f. $$f.corpus || exit 1; done

lint:
	$(Q)tests/lint $(BUILD)

format:
	$(Q)git ls-files '*.cpp' '*.h' | xargs clang-format -i

install: all
	$(Q)install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/rehome/playbooks
	$(Q)install $(PROGRAMS:%=$(BUILD)/bin/%) $(DESTDIR)$(PREFIX)/bin
	$(Q)install -m 644 playbooks/*.json $(DESTDIR)$(PREFIX)/share/rehome/playbooks
	$(Q)for page in $(BUILD)/man/*; do \
		install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit 1; done

clean:
	$(Q)rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj $(BUILD)/fuzz/obj -name '*.d' 2>/dev/null)
