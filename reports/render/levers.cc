// One line a lever with its figure first, since that is what is compared. What is not to be had
// here follows without a figure, with the reason.
#include "reports/render/levers.h"

#include <fmt/format.h>

#include <array>

#include "reports/render/escape.h"
#include "reports/render/format.h"

namespace mb {
namespace {

std::string lever_lines(const ModelAdvice& model) {
  std::string text =
      fmt::format("  {:>8}{:>10}  {:<8} {}\n", "speed-up", "tokens/s", "phase", "what");
  for (const Lever& lever : model.levers) {
    text += fmt::format("  {:>8}{:>10}  {:<8} {}{}{} ({})\n", format_speedup(lever.speedup),
                        lever.to_tokens_per_second ? format_rate(*lever.to_tokens_per_second) : "–",
                        lever.phase, lever_title(lever.name), lever.setting.empty() ? "" : ": ",
                        clean_text(lever.setting), clean_text(lever.note));
  }
  return text;
}

std::string speculation_lines(const ModelAdvice& model) {
  std::string text = "  Speculative decoding: speed-up by the share of drafts accepted\n";
  text += fmt::format("  {:<24}{:>7}{:>12}{:>9}{:>9}{:>9}\n", "draft", "tokens", "break-even",
                      "at 60 %", "at 80 %", "at 100 %");
  for (const Speculation& each : model.speculation) {
    const auto at = [&](const char* acceptance) {
      const auto found = each.speedup_by_acceptance.find(acceptance);
      return format_speedup(found == each.speedup_by_acceptance.end()
                                ? std::nullopt
                                : std::optional<double>(found->second));
    };
    text += fmt::format(
        "  {:<24}{:>7}{:>12}{:>9}{:>9}{:>9}\n", clean_text(each.draft), each.draft_tokens,
        each.break_even_acceptance ? format_share(*each.break_even_acceptance) : "never", at("0.6"),
        at("0.8"), at("1"));
  }
  return text;
}

std::string offload_lines(const Offload& offload) {
  std::string text =
      fmt::format("  GPU of {}: {}\n", format_bytes(static_cast<double>(offload.gpu_memory_bytes)),
                  clean_text(offload.reason));
  text += fmt::format("    weights {}, KV cache {}, driver and buffers {}\n",
                      format_bytes(static_cast<double>(offload.gpu_weight_bytes)),
                      format_bytes(static_cast<double>(offload.gpu_kv_bytes)),
                      format_bytes(static_cast<double>(offload.overhead_bytes)));
  if (offload.tokens_per_second) {
    text += fmt::format("    decode {} tokens/s", format_rate(*offload.tokens_per_second));
  } else {
    text += fmt::format("    decode at most {} tokens/s (--gpu-bandwidth tells the GPU's part)",
                        format_rate(offload.tokens_per_second_at_most));
  }
  text +=
      offload.cpu_only_tokens_per_second > 0
          ? fmt::format("; {} on the CPU alone\n", format_rate(offload.cpu_only_tokens_per_second))
          : "; the CPU alone cannot hold it\n";
  return text;
}

}  // namespace

std::string lever_title(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kTitles{{
      {"quantisation", "Another quantisation"},
      {"kv_type", "Another KV type"},
      {"batch", "A batch"},
      {"huge_pages", "Huge pages"},
      {"numa", "One node or socket"},
      {"instances", "Two engines"},
      {"prompt_cache", "Prompt cache"},
      {"fused_operations", "Fused operations"},
      {"kept_threads", "Threads that are kept"},
      {"wide_attention", "Wider SIMD in attention"},
      {"compiled", "Compiled instead of eager"},
      {"engine_per_sequence", "One engine a sequence"},
  }};
  for (const auto& [known, title] : kTitles) {
    if (known == name) return std::string(title);
  }
  return std::string(name);
}

std::string format_speedup(const std::optional<double>& speedup) {
  return speedup ? fmt::format("{:.2f}x", *speedup) : "–";
}

std::string render_levers(const Recommendation& recommendation) {
  std::string text;
  for (const ModelAdvice& model : recommendation.models) {
    if (model.levers.empty() && !model.offload) continue;
    text += fmt::format("\n{}\n", clean_text(model.title));
    if (model.target) text += fmt::format("  Target: {}\n", clean_text(model.target->reason));
    if (!model.levers.empty()) text += lever_lines(model);
    if (!model.speculation.empty()) text += speculation_lines(model);
    if (model.offload) text += offload_lines(*model.offload);
  }
  if (recommendation.offload_rules.empty()) return text;
  text += "\nRules for GPU layers, judged by the bytes\n";
  for (const OffloadRule& rule : recommendation.offload_rules) {
    text += fmt::format("  {:<24}{:>8}  {:<10} {}\n", clean_text(rule.title),
                        format_bytes(static_cast<double>(rule.gpu_memory_bytes)),
                        rule.claimed_least == rule.layers
                            ? "all"
                            : fmt::format("{}-{}", rule.claimed_least, rule.claimed_most),
                        clean_text(rule.reason));
  }
  return text;
}

}  // namespace mb
