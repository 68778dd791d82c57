#include "cutover/run/playbook.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/json/file.h"
#include "cutover/run/figure_check.h"
#include "cutover/run/gate_check.h"
#include "cutover/run/parameter.h"
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

// {"share": ["1", "10"]} or {"share": "1,10"}.
Walk listed(const json& for_each) {
    const auto only = for_each.begin();
    const std::string& name = only.key();
    const json& list = only.value();
    const auto values = list.is_string() ? split_list(list.get<std::string>())
                                         : list.get<std::vector<std::string>>();
    Walk walk;
    for (const std::string& value : values) {
        walk.elements.push_back({{name, value}});
    }
    if (values.empty()) {
        walk.missing.push_back({"the list is empty", ""});
    }
    return walk;
}

std::string joined(const Names& names) {
    return fmt::format("{}", fmt::join(names, ", "));
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
        leave();
        variables["left"] = left_.empty() ? "none" : joined(left_);
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
        check_after();
        guards(book.value("guards", json::array()), variables);
    }

private:
    // The playbook's defaults under the operator's settings.  Defaults may use the inventory's
    // variables.
    void parameters(const json& declared, Variables& variables) {
        const Variables known = variables;
        for (const auto& [name, parameter] : declared.items()) {
            const std::string at = pointer_to("/parameters", name);
            const auto given = input_.settings.find(name);
            if (known.contains(name) || name == "left") {
                mistakes_.add(at, "is the name of a built-in variable");
            } else if (given != input_.settings.end()) {
                plan_.parameters[name] = in_force(parameter, given->second, at);
            } else if (parameter.contains("default")) {
                const std::string here = at + "/default";
                const std::string value =
                    substitute(parameter.at("default"), known, here, mistakes_);
                plan_.parameters[name] =
                    mistakes_.has(here) ? "" : in_force(parameter, value, here);
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

    std::string in_force(const json& parameter, const std::string& value, const std::string& at) {
        std::string wrong = wrong_declaration(parameter);
        const auto read = read_parameter(parameter, value, input_.inventory);
        if (wrong.empty() && !read) {
            wrong = read.error();
        }
        if (!wrong.empty()) {
            mistakes_.add(at, wrong);
        }
        return read.value_or("");
    }

    // The parameter `leave` names the carriers that no step touches.
    void leave() {
        if (mistakes_.has("/parameters/leave")) {
            return;
        }
        const auto given = plan_.parameters.find("leave");
        const auto names = split_list(given == plan_.parameters.end() ? "" : given->second);
        const auto& carriers = input_.inventory.carriers;
        const auto wrong = [this](const std::string& what) {
            mistakes_.add("/parameters/leave", what);
        };
        for (const std::string& name : names) {
            if (input_.inventory.carrier(name) == nullptr) {
                Names all;
                for (const Carrier& carrier : carriers) {
                    all.insert(carrier.name);
                }
                wrong(fmt::format("{} is no carrier, expected some of {}", in_quotes(name),
                                  joined(all)));
            } else if (!left_.insert(name).second) {
                wrong(fmt::format("{} is named twice", in_quotes(name)));
            }
        }
        if (left_.size() == carriers.size()) {
            wrong("leaves every carrier, expected one that moves");
        }
        for (const std::string& name : left_) {
            plan_.left.push_back({name, old_gateways_of(input_.inventory, name)});
        }
    }

    // What is in force in each repetition of a stage, step or figure; once, as it is, without
    // for_each.
    std::vector<Variables> scopes(const json& part, const std::string& at,
                                  const Variables& in_force) {
        if (!part.contains("for_each")) {
            if (part.contains("may_be_empty")) {
                mistakes_.add(at + "/may_be_empty", "belongs to a for_each, and there is none");
            }
            return {in_force};
        }
        const std::string here = at + "/for_each";
        const json walked = substitute(part.at("for_each"), in_force, here, mistakes_);
        Result<Walk> found;
        if (walked.is_string()) {
            found = walk(input_.inventory, left_, walked.get<std::string>(), in_force);
        } else {
            found = listed(walked);
        }
        if (!found) {
            mistakes_.add(here, found.error().what);
            return {};
        }
        for (const Walk::Missing& missing : found->missing) {
            miss(missing, here, part.value("may_be_empty", false));
        }
        for (Variables& element : found->elements) {
            element.insert(in_force.begin(), in_force.end());  // keeps what the element binds
        }
        return std::move(found->elements);
    }

    void miss(const Walk::Missing& missing, const std::string& at, bool may_be) {
        if (may_be || input_.begun) {
            plan_.absent.push_back(at + ": " + missing.what);
            return;
        }
        const bool can_leave = !missing.carrier.empty() && plan_.parameters.contains("leave");
        mistakes_.add(at, fmt::format("{}, expected {}", missing.what,
                                      can_leave ? "one, or --set leave=" + missing.carrier
                                                : "at least one, or may_be_empty"));
    }

    void stage(const json& book, const std::string& at, const Variables& variables) {
        const std::string name =
            substitute(book.at("name"), variables, at + "/name", mistakes_).get<std::string>();
        const size_t first = plan_.steps.size();
        const json& steps = book.at("steps");
        for (size_t i = 0; i < steps.size(); ++i) {
            const std::string here = pointer_to(at + "/steps", i);
            // A list of thousands is not copied for each of them.
            json own = steps[i];
            own.erase("for_each");
            for (const Variables& scope : scopes(steps[i], here, variables)) {
                step(own, here, name, scope);
                plan_.steps.back().no_return = book.value("no_return", false);
            }
        }
        if (book.contains("after")) {
            const json names = substitute(book.at("after"), variables, at + "/after", mistakes_);
            loosen(first, names.get<std::vector<std::string>>());
        }
    }

    // What a stage says of its undos holds for each that does not say something else.  They rely on
    // one another all the same.
    void loosen(size_t first, const std::vector<std::string>& names) {
        for (size_t i = first; i < plan_.steps.size(); ++i) {
            Step& step = plan_.steps[i];
            if (!step.undo.empty() && !step.after) {
                step.after = names;
                step.after->push_back(step.stage);
            }
        }
    }

    // What an undo is to come after must come before it on the way back.
    void check_after() {
        std::set<std::string_view> later;
        for (size_t i = plan_.steps.size(); i-- > 0;) {
            const Step& step = plan_.steps[i];
            for (const std::string& name : step.after.value_or(std::vector<std::string>())) {
                if (name != step.stage && !later.contains(name)) {
                    mistakes_.add(step.at, fmt::format("its undo is to come after {}, expected a "
                                                       "stage or STAGE/STEP that follows it",
                                                       in_quotes(name)));
                }
            }
            later.insert(step.stage);
            later.insert(step.id);
        }
    }

    void guards(const json& book, const Variables& variables) {
        for (size_t i = 0; i < book.size() && !plan_.steps.empty(); ++i) {
            const std::string at = pointer_to("/guards", i);
            for (const Variables& scope : scopes(book[i], at, variables)) {
                guard(book[i], at, scope);
            }
        }
    }

    void guard(json own, const std::string& at, const Variables& variables) {
        own.erase("for_each");
        const auto figures = expanded(own.at("figures"), at + "/figures", variables);
        own.erase("figures");
        const Placed placed{at, substitute(own, variables, at, mistakes_)};
        Guard guard = read_guard(placed, figures, input_.inventory, mistakes_);
        const std::string from = placed.object.value("from", plan_.steps.front().stage);
        guard.from = begins_with(plan_, from);
        if (!ids_.insert(guard.step.id).second) {
            mistakes_.add(at + "/name", fmt::format("makes a second {}", in_quotes(guard.step.id)));
        }
        if (!input_.begun) {
            check_figures(guard.step.gate.sample, at, figures, mistakes_);
            check_guard(plan_, guard, figures, mistakes_);
        }
        plan_.guards.push_back(std::move(guard));
    }

    // book: without its for_each.
    void step(const json& book, const std::string& at, const std::string& stage_name,
              const Variables& variables) {
        if (plan_.steps.size() >= steps_at_most) {
            return mistakes_.add(at, fmt::format("makes more than {} steps", steps_at_most));
        }
        json own = book;
        std::vector<Placed> figures;
        for (const char* holder : {"gate", "check"}) {
            if (own.contains(holder) && own[holder].is_object() &&
                own[holder].contains("figures")) {
                figures =
                    expanded(own[holder]["figures"], at + "/" + holder + "/figures", variables);
                own[holder].erase("figures");
            }
        }
        const json own_replaced = replaced(own, at, variables);
        plan_.steps.push_back(
            read_step({at, own_replaced}, figures, stage_name, input_.inventory, mistakes_));
        const Step& made = plan_.steps.back();
        if (!input_.begun) {
            check_figures(made.check ? *made.check : made.gate.sample,
                          at + (made.check ? "/check" : "/gate"), figures, mistakes_);
            check_gate(made, {at, own_replaced}, figures, mistakes_);
            check_kept(made, mistakes_);
        }
        const std::string& id = made.id;
        if (!ids_.insert(id).second) {
            mistakes_.add(at + "/name",
                          fmt::format("makes a second step {}; put what for_each binds into the "
                                      "step's or the stage's name",
                                      in_quotes(id)));
        }
    }

    // A step with its variables replaced; what is kept before the act stays as it is in the undo.
    json replaced(json own, const std::string& at, const Variables& variables) {
        Variables with_kept = variables;
        const json check = own.value("check", json());
        const json kept = check.is_object() ? check.value("was", json()) : json();
        for (const auto& [name, pointer] : kept.items()) {
            with_kept["was." + name] = "${was." + name + "}";
        }
        const json undo = own.value("undo", json());
        own.erase("undo");
        json result = substitute(own, variables, at, mistakes_);
        if (!undo.is_null()) {
            result["undo"] = substitute(undo, with_kept, at + "/undo", mistakes_);
        }
        return result;
    }

    std::vector<Placed> expanded(const json& figures, const std::string& at,
                                 const Variables& variables) {
        std::vector<Placed> result;
        for (size_t i = 0; i < figures.size(); ++i) {
            const std::string here = pointer_to(at, i);
            json own = figures[i];
            own.erase("for_each");
            for (const Variables& scope : scopes(figures[i], here, variables)) {
                result.push_back({here, substitute(own, scope, here, mistakes_)});
            }
        }
        return result;
    }

    const PlaybookInput& input_;
    Plan& plan_;
    Mistakes& mistakes_;
    Names left_;
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
    resolve_since(plan, mistakes);
    resolve_more(plan, mistakes);
    if (mistakes.none() && plan.steps.empty()) {
        mistakes.add("/stages", "nothing to do is left once for_each is expanded");
    }
    if (!mistakes.none()) {
        return tl::unexpected(mistakes.take());
    }
    return plan;
}

}  // namespace rehome::cutover
