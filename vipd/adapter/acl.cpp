#include "vipd/adapter/acl.h"

#include <fmt/format.h>
#include <rte_acl.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <sys/resource.h>

#include <atomic>

#include "common/clock.h"
#include "vipd/adapter/dpdk.h"

namespace rehome::vipd {

namespace {

struct FreeContext {
    // Behind stop_dpdk() its memory has gone as a whole.
    void operator()(rte_acl_ctx* context) const {
        if (dpdk_runs()) {
            rte_acl_free(context);
        }
    }
};
using Context = std::unique_ptr<rte_acl_ctx, FreeContext>;

template <size_t address_bytes>
constexpr size_t fields = 3 + 2 * (address_bytes / 4);

template <size_t address_bytes>
struct Rule {
    rte_acl_rule_data data;
    rte_acl_field field[fields<address_bytes>];
};

// The protocol's byte is read first, then four bytes at a time.
template <size_t address_bytes>
rte_acl_config layout() {
    using Key = AccessKey<address_bytes>;
    constexpr uint8_t words = address_bytes / 4;
    rte_acl_config config{};
    config.num_categories = 1;
    config.num_fields = fields<address_bytes>;
    config.max_size = size_t{acl_mib} * 1024 * 1024 / 4;
    config.defs[0] = {RTE_ACL_FIELD_TYPE_BITMASK, 1, 0, 0, 0};
    for (uint8_t i = 0; i < 2 * words; ++i) {
        const auto number = static_cast<uint8_t>(1 + i);
        config.defs[number] = {RTE_ACL_FIELD_TYPE_MASK, 4, number, number,
                               static_cast<uint32_t>(Key::client_at + 4U * i)};
    }
    const auto last = static_cast<uint8_t>(1 + 2 * words);
    config.defs[last] = {RTE_ACL_FIELD_TYPE_BITMASK, 2, last, last, Key::port_at - 2};
    config.defs[last + 1] = {RTE_ACL_FIELD_TYPE_RANGE, 2, static_cast<uint8_t>(last + 1), last,
                             Key::port_at};
    return config;
}

void set_prefix(const Prefix& prefix, size_t words, rte_acl_field* field) {
    for (size_t i = 0; i < words; ++i) {
        const unsigned before = static_cast<unsigned>(32 * i);
        field[i].value.u32 = load32(&prefix.address.bytes[4 * i]);
        field[i].mask_range.u32 =
            prefix.length <= before ? 0 : std::min(32U, prefix.length - before);
    }
}

// priority: the higher one decides.
template <size_t address_bytes>
Rule<address_bytes> rule_of(const FlatRule& flat, int32_t priority) {
    constexpr size_t words = address_bytes / 4;
    Rule<address_bytes> rule{};
    rule.data = {1, priority, flat.rule + 1};  // 0: none
    rule.field[0].value.u8 = flat.protocol;
    rule.field[0].mask_range.u8 = flat.protocol == 0 ? uint8_t{0} : uint8_t{0xff};
    set_prefix(flat.client, words, &rule.field[1]);
    set_prefix(flat.vip, words, &rule.field[1 + words]);
    rule.field[2 + 2 * words].value.u16 = flat.first_port;
    rule.field[2 + 2 * words].mask_range.u16 = flat.last_port;
    return rule;
}

// DPDK gives whoever asks for a name again the context that has it: each has one of its own.
std::string new_name() {
    static std::atomic<uint64_t> number = 0;
    return fmt::format("access-{}", number++);
}

// Null: there are no rules of the family.
template <size_t address_bytes>
Result<Context> make_context(const std::vector<FlatRule>& flat) {
    if (flat.empty()) {
        return Context();
    }
    const std::string name = new_name();
    const rte_acl_param parameters{name.c_str(), SOCKET_ID_ANY,
                                   RTE_ACL_RULE_SZ(fields<address_bytes>),
                                   static_cast<uint32_t>(flat.size())};
    const auto failed = [&](int error) {
        return fail(
            Exit::world, "DPDK",
            fmt::format("cannot build {} access rules: {}", flat.size(), rte_strerror(error)));
    };
    Context context(rte_acl_create(&parameters));
    if (context == nullptr) {
        return failed(ENOMEM);  // DPDK leaves what was wrong before
    }
    std::vector<Rule<address_bytes>> rules;
    rules.reserve(flat.size());
    auto priority = static_cast<int32_t>(flat.size());
    for (const FlatRule& one : flat) {
        rules.push_back(rule_of<address_bytes>(one, priority--));
    }
    const int added =
        rte_acl_add_rules(context.get(), reinterpret_cast<const rte_acl_rule*>(rules.data()),
                          static_cast<uint32_t>(rules.size()));
    const auto config = layout<address_bytes>();
    if (const int error = added != 0 ? added : rte_acl_build(context.get(), &config); error != 0) {
        return failed(-error);
    }
    return context;
}

class AclClassifier : public Classifier {
public:
    AclClassifier(Context v4, Context v6) : v4_(std::move(v4)), v6_(std::move(v6)) {}

    void find(std::span<const AccessKeyV4> keys, uint32_t* rules) const override {
        find_in(v4_.get(), keys, rules);
    }
    void find(std::span<const AccessKeyV6> keys, uint32_t* rules) const override {
        find_in(v6_.get(), keys, rules);
    }

private:
    template <typename Key>
    static void find_in(const rte_acl_ctx* context, std::span<const Key> keys, uint32_t* rules) {
        constexpr size_t at_once = 64;
        const uint8_t* data[at_once];
        while (!keys.empty()) {
            const size_t count = std::min(keys.size(), at_once);
            for (size_t i = 0; i < count; ++i) {
                data[i] = keys[i].bytes.data();
                rules[i] = 0;
            }
            if (context != nullptr) {
                rte_acl_classify(context, data, rules, static_cast<uint32_t>(count), 1);
            }
            for (size_t i = 0; i < count; ++i) {
                --rules[i];  // 0, nothing found, becomes `none`
            }
            keys = keys.subspan(count);
            rules += count;
        }
    }

    Context v4_, v6_;
};
static_assert(Classifier::none == uint32_t{0} - 1);

uint64_t heap_bytes() {
    rte_malloc_socket_stats stats{};
    uint64_t bytes = 0;
    for (int socket = 0; rte_malloc_get_socket_stats(socket, &stats) == 0; ++socket) {
        bytes += stats.heap_allocsz_bytes;
    }
    return bytes;
}

}  // namespace

Result<std::shared_ptr<const Access>> make_access(std::shared_ptr<const AccessRules> rules,
                                                  const std::vector<ServiceConfig>& services) {
    const Micros begun = monotonic_us();
    const auto flat = flatten(*rules, services);
    if (!flat) {
        return tl::unexpected(flat.error());
    }
    const uint64_t before = heap_bytes();
    auto v4 = make_context<4>(flat->v4);
    if (!v4) {
        return tl::unexpected(v4.error());
    }
    auto v6 = make_context<16>(flat->v6);
    if (!v6) {
        return tl::unexpected(v6.error());
    }
    const uint64_t after = heap_bytes();
    Access made{std::move(rules),
                std::make_shared<const AclClassifier>(std::move(*v4), std::move(*v6)), flat->size(),
                monotonic_us() - begun, after > before ? after - before : 0};
    return std::make_shared<const Access>(std::move(made));
}

void AccessBuilder::end() {
    if (thread_.joinable()) {
        thread_.join();
    }
}

void AccessBuilder::start(std::shared_ptr<const AccessRules> rules,
                          std::vector<ServiceConfig> services, std::function<void(Made)> done) {
    done_ = std::move(done);
    thread_ = std::thread([this, rules = std::move(rules), services = std::move(services)] {
        setpriority(PRIO_PROCESS, 0, 10);  // of this thread alone
        made_ = make_access(rules, services);
        event_.signal();
    });
}

void AccessBuilder::take() {
    event_.drain();
    if (!thread_.joinable()) {
        return;
    }
    thread_.join();
    const auto done = std::exchange(done_, nullptr);
    auto made = std::move(*made_);
    made_.reset();
    done(std::move(made));
}

}  // namespace rehome::vipd
