// vipd's answers as an operator reads them at 3 a.m.: one thing a line, what is wrong in capitals.
// A value that is missing, or of another type, is shown as "-".
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace rehome::vipctl {

// What access rules, limits and admission are, and have done.
std::string show_access_state(const nlohmann::json& access);
std::string show_status(const nlohmann::json& status);
std::string show_stats(const nlohmann::json& stats);  // reasons that dropped nothing are left out
std::string show_origins(const nlohmann::json& origins);
std::string show_config(const nlohmann::json& config);
std::string show_reload(const nlohmann::json& reload);
std::string show_share(const nlohmann::json& share);
std::string show_confirm(const nlohmann::json& confirm);
// Who did not get an order that is all gateways'; empty: everybody did.
std::string show_left_out(const nlohmann::json& answer);
std::string show_disabled(const nlohmann::json& order);  // without the end of the line
std::string show_disabled_order(const nlohmann::json& answer);

}  // namespace rehome::vipctl
