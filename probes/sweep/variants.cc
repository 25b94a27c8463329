// No shell is involved: a value goes into an argument as it stands, whatever characters it has. An
// argument that is nothing but a placeholder with an empty value is left out, so that a flag may be
// varied with its absence.
#include "probes/sweep/variants.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "data/error.h"
#include "data/plan/placement.h"

namespace mb {
namespace {

std::string placeholder(const std::string& name) { return "{" + name + "}"; }

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

bool in_command(const SweepRequest& request, const std::string& name) {
  return std::ranges::any_of(request.command, [&](const std::string& argument) {
    return argument.find(placeholder(name)) != std::string::npos;
  });
}

[[noreturn]] void refuse(const std::string& text) { throw Error(ErrorCode::kUsage, text); }

void check_axes(const SweepRequest& request) {
  std::set<std::string> names{"threads"};
  for (const SweepAxis& axis : request.axes) {
    if (axis.name.empty() || axis.values.empty()) {
      refuse("--vary: expected NAME=LIST, as in batch=1,8");
    }
    if (!names.insert(axis.name).second) {
      refuse(fmt::format("--vary {}: it is varied already{}", axis.name,
                         axis.name == "threads" ? "; use --threads" : ""));
    }
    if (axis.name.find('=') != std::string::npos) {
      refuse(fmt::format("--vary {}: a name holds no =", axis.name));
    }
  }
}

}  // namespace

std::vector<SweepVariant> sweep_variants(const SweepRequest& request) {
  std::vector<SweepVariant> variants(1);
  const auto multiply = [&](auto&& each_of) {
    std::vector<SweepVariant> more;
    for (const SweepVariant& variant : variants) each_of(variant, more);
    variants = std::move(more);
  };
  const auto labelled = [](SweepVariant variant, const std::string& text) {
    variant.label += (variant.label.empty() ? "" : ", ") + text;
    return variant;
  };
  for (const SweepAxis& axis : request.axes) {
    multiply([&](const SweepVariant& variant, std::vector<SweepVariant>& more) {
      for (const std::string& value : axis.values) {
        more.push_back(labelled(variant, axis.name + "=" + value));
        more.back().values.emplace_back(axis.name, value);
      }
    });
  }
  multiply([&](const SweepVariant& variant, std::vector<SweepVariant>& more) {
    const bool both = request.pinned && request.unpinned;
    if (request.pinned) {
      more.push_back(both ? labelled(variant, "pinned") : variant);
      more.back().pinned = true;
    }
    if (request.unpinned) more.push_back(both ? labelled(variant, "unpinned") : variant);
  });
  if (!request.beside.empty()) {
    multiply([&](const SweepVariant& variant, std::vector<SweepVariant>& more) {
      more.push_back(variant);
      more.push_back(labelled(variant, "beside " + request.beside.front()));
      more.back().beside = true;
    });
  }
  return variants;
}

bool tells_threads(const SweepRequest& request) {
  return in_command(request, "threads") || !request.set_env.empty() || !request.set_flag.empty();
}

std::string filled(std::string text, const SweepVariant& variant, std::optional<int> threads) {
  if (threads) replace_all(text, placeholder("threads"), std::to_string(*threads));
  for (const auto& [name, value] : variant.values) replace_all(text, placeholder(name), value);
  return text;
}

ChildRequest child_of_point(const SweepRequest& request, const SweepVariant& variant,
                            std::optional<int> threads, const Machine& machine) {
  ChildRequest child;
  for (const std::string& argument : request.command) {
    std::string text = filled(argument, variant, threads);
    if (text.empty() && !argument.empty()) continue;
    child.argv.push_back(std::move(text));
  }
  if (threads) {
    for (const std::string& flag : request.set_flag) {
      child.argv.push_back(flag);
      child.argv.push_back(std::to_string(*threads));
    }
    for (const std::string& name : request.set_env) {
      child.environment[name] = std::to_string(*threads);
    }
  }
  for (const auto& [name, value] : variant.values) {
    if (name.starts_with('-')) {
      child.argv.push_back(name);
      if (!value.empty()) child.argv.push_back(value);
    } else if (!in_command(request, name)) {
      child.environment[name] = value;
    }
  }
  if (variant.pinned) {
    const int most = machine.usable_pus();
    child.cpus = place(machine, std::clamp(threads.value_or(most), 1, std::max(1, most)),
                       Placement::kSpread);
  }
  child.timeout_seconds = request.timeout_seconds;
  return child;
}

void check_sweep(const SweepRequest& request) {
  if (request.command.empty()) {
    refuse(
        "sweep: no command; give it after --, as in "
        "sweep --set-flag -t -- llama-bench -m model.gguf -o json");
  }
  if (!tells_threads(request) && (request.axes.empty() || !request.threads.empty())) {
    refuse(
        "sweep: nothing tells the command its thread count; use {threads} in an argument, "
        "--set-flag -t or --set-env OMP_NUM_THREADS");
  }
  for (const std::string& name : request.set_env) {
    if (name.empty() || name.find('=') != std::string::npos) {
      refuse(fmt::format("--set-env {}: expected a name alone", name));
    }
  }
  for (const int threads : request.threads) {
    if (threads < 1) refuse(fmt::format("--threads {}: expected at least 1", threads));
  }
  if (request.repeats < 1) {
    refuse(fmt::format("--repeat {}: expected at least 1", request.repeats));
  }
  check_axes(request);
}

std::vector<std::string> split_command(const std::string& text) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (const char c : text) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        words.back() += c;
      }
      continue;
    }
    if (c == ' ' || c == '\t') {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == '"' || c == '\'') {
      quote = c;
    } else {
      words.back() += c;
    }
  }
  if (quote != 0) {
    throw Error(ErrorCode::kUsage, fmt::format("\"{}\": a quote is not closed", text));
  }
  return words;
}

}  // namespace mb
