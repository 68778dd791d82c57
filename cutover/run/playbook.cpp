#include "cutover/run/playbook.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/json_file.h"
#include "cutover/run/scope.h"
#include "cutover/run/step_reader.h"
#include "cutover/run/variables.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;

constexpr std::string_view schema =
#include "common/formats/playbook.schema.inc"
    ;

// A stage that names 100,000 steps is a mistake, not a plan.
constexpr size_t steps_at_most = 10'000;

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const size_t comma = std::min(text.find(','), text.size());
        parts.emplace_back(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return parts;
}

// {"share": ["1", "10"]} or {"share": "1,10"}.
std::vector<Variables> listed(const json& for_each) {
    const auto& [name, list] = *for_each.items().begin();
    const auto values =
        list.is_string() ? split(list.get<std::string>()) : list.get<std::vector<std::string>>();
    std::vector<Variables> result;
    result.reserve(values.size());
    for (const std::string& value : values) {
        result.push_back({{name, value}});
    }
    return result;
}

class Expansion {
public:
    Expansion(const PlaybookInput& input, Plan& plan, Mistakes& mistakes)
        : input_(input), plan_(plan), mistakes_(mistakes) {}

    void playbook(const json& book) {
        plan_.name = book.at("name");
        plan_.summary = book.value("summary", "");
        Variables variables = inventory_variables(input_.inventory);
        variables["inventory"] = input_.inventory_path;
        variables["run_dir"] = input_.run_dir;
        parameters(book.value("parameters", json::object()), variables);
        // What lacks its parameter would only be told as wrong once more.
        if (!mistakes_.none()) {
            return;
        }
        const json& stages = book.at("stages");
        for (size_t i = 0; i < stages.size(); ++i) {
            const std::string at = pointer_to("/stages", i);
            for (const Variables& scope : scopes(stages[i], at, variables)) {
                stage(stages[i], at, scope);
            }
        }
    }

private:
    // The playbook's defaults under the operator's settings.  Defaults may use the inventory's
    // variables.
    void parameters(const json& declared, Variables& variables) {
        const Variables known = variables;
        for (const auto& [name, parameter] : declared.items()) {
            const std::string at = pointer_to("/parameters", name);
            const auto given = input_.settings.find(name);
            if (known.contains(name)) {
                mistakes_.add(at, "is the name of a built-in variable");
            } else if (given != input_.settings.end()) {
                plan_.parameters[name] = given->second;
            } else if (parameter.contains("default")) {
                plan_.parameters[name] =
                    substitute(parameter.at("default"), known, at + "/default", mistakes_);
            } else {
                plan_.parameters[name] = "";
                mistakes_.add(at, fmt::format("has no default, expected --set {}=VALUE", name));
            }
        }
        for (const auto& [name, value] : input_.settings) {
            if (!declared.contains(name)) {
                mistakes_.add("/parameters", fmt::format("--set names {}, which the playbook does "
                                                         "not declare",
                                                         in_quotes(name)));
            }
        }
        variables.insert(plan_.parameters.begin(), plan_.parameters.end());
    }

    // What is in force in each repetition of a stage or step; once, as it is, without for_each.
    std::vector<Variables> scopes(const json& part, const std::string& at,
                                  const Variables& in_force) {
        if (!part.contains("for_each")) {
            return {in_force};
        }
        const std::string here = at + "/for_each";
        const json walked = substitute(part.at("for_each"), in_force, here, mistakes_);
        Result<std::vector<Variables>> found;
        if (walked.is_string()) {
            found = elements(input_.inventory, walked.get<std::string>(), in_force);
        } else {
            found = listed(walked);
        }
        if (!found) {
            mistakes_.add(here, found.error().what);
            return {};
        }
        for (Variables& element : *found) {
            element.insert(in_force.begin(), in_force.end());  // keeps what the element binds
        }
        return *found;
    }

    void stage(const json& book, const std::string& at, const Variables& variables) {
        const std::string name =
            substitute(book.at("name"), variables, at + "/name", mistakes_).get<std::string>();
        const json& steps = book.at("steps");
        for (size_t i = 0; i < steps.size(); ++i) {
            const std::string here = pointer_to(at + "/steps", i);
            for (const Variables& scope : scopes(steps[i], here, variables)) {
                step(steps[i], here, name, scope);
            }
        }
    }

    void step(const json& book, const std::string& at, const std::string& stage_name,
              const Variables& variables) {
        if (plan_.steps.size() >= steps_at_most) {
            return mistakes_.add(at, fmt::format("makes more than {} steps", steps_at_most));
        }
        json own = book;
        own.erase("for_each");
        const json replaced = substitute(own, variables, at, mistakes_);
        plan_.steps.push_back(read_step(replaced, at, stage_name, input_.inventory, mistakes_));
        const std::string& id = plan_.steps.back().id;
        if (!ids_.insert(id).second) {
            mistakes_.add(at + "/name",
                          fmt::format("makes a second step {}; put what for_each binds into the "
                                      "step's or the stage's name",
                                      in_quotes(id)));
        }
    }

    const PlaybookInput& input_;
    Plan& plan_;
    Mistakes& mistakes_;
    std::set<std::string> ids_;
};

}  // namespace

Checked<Plan> read_plan(const PlaybookInput& input) {
    const auto book = parse_json(input.file, input.text, schema);
    if (!book) {
        return tl::unexpected(book.error());
    }
    Plan plan;
    Mistakes mistakes(input.file);
    Expansion(input, plan, mistakes).playbook(*book);
    if (mistakes.none() && plan.steps.empty()) {
        mistakes.add("/stages", "nothing to do is left once for_each is expanded");
    }
    if (!mistakes.none()) {
        return tl::unexpected(mistakes.take());
    }
    return plan;
}

}  // namespace rehome::cutover
