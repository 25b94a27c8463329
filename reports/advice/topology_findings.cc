// The topology check in words: what the system claims, what the pairs of CPUs show, and what a
// person may do. Agreement is said in one line, so that its absence can be noticed.
#include <fmt/format.h>

#include "reports/advice/parts.h"

namespace mb {
namespace {

struct Words {
  const TopologyRelation& relation;
  const char* title;
  const char* remedy;
};

std::string evidence_of(const TopologyRelation& relation, const TopologyCheck& check,
                        const Machine& claimed) {
  std::string text =
      fmt::format("the system claims {}, timing shows {}", relation.claimed, relation.seen);
  if (check.cpus_measured < claimed.usable_pus()) {
    text += fmt::format(" ({} of {} CPUs timed)", check.cpus_measured, claimed.usable_pus());
  }
  return text + "; confidence " + relation.confidence;
}

const char* smt_title(const Machine& claimed) {
  return claimed.has_smt() ? "Hardware threads that the system claims are cores of their own"
                           : "CPUs that look like cores share cores";
}

}  // namespace

void topology_findings(const Machine& claimed, const TopologyCheck& check,
                       std::vector<Finding>& out) {
  const std::string cause = claimed.hypervisor
                                ? fmt::format(
                                      "{} tells the guest another arrangement than the "
                                      "host's.",
                                      *claimed.hypervisor)
                                : "The firmware or a container tells another arrangement.";
  const Words all[] = {
      {check.siblings, smt_title(claimed),
       "Count the cores that timing shows: engines that count CPUs start too many or too few "
       "threads. The counts and CPU lists here use them."},
      {check.l3_domains, "L3 caches are not shared as the system claims",
       "Keep threads that share data inside one of the groups that timing shows."},
      {check.packages, "Sockets are not what the system claims",
       "Do not split work by the claimed sockets; bind by the groups that timing shows."}};
  std::vector<Finding> warnings;
  std::string confirmed;
  for (const Words& words : all) {
    const TopologyRelation& relation = words.relation;
    if (relation.differs()) {
      const bool sure = relation.corrects_the_claim();
      warnings.push_back(
          {sure ? "warning" : "info", words.title, evidence_of(relation, check, claimed),
           sure ? words.remedy : "Not sure enough to act upon: measure again at a quieter time.",
           cause});
    } else if (relation.agreement == TopologyRelation::Agreement::kAgrees) {
      confirmed += (confirmed.empty() ? "" : "; ") + relation.seen;
    }
  }
  out.insert(out.begin(), warnings.begin(), warnings.end());
  if (confirmed.empty()) return;
  out.push_back(
      {"info", "Timing confirms what the system says of the CPUs", confirmed, "None needed.", ""});
}

}  // namespace mb
