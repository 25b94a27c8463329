// What Amazon EC2's instance metadata service says of the machine. Only where a person asks for it
// (--cloud-label): it is the one thing in the house that uses the network.
//
// Asked are a token (IMDSv2; the older protocol without one is never used) and with it three facts:
// instance type, purchasing option and availability zone. Nothing else is fetched, in particular no
// account, instance or image id, no role, user data, host name or address; the token is forgotten.
// Source: Amazon EC2 User Guide, "Use the Instance Metadata Service to access instance metadata"
// and "Instance metadata categories".
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "data/documents/machine.h"

namespace mb {

struct MetadataService {
  std::string address = "169.254.169.254";  // link-local: the machine's own host answers
  int port = 80;
  double timeout_seconds = 1;  // of the whole exchange, all four answers
};

// Fills cloud_label, cloud_life_cycle and cloud_zone with what the service says; a fact that it
// does not say stays as it was (DMI's label) and is listed as missing with the cause. Never throws
// for what the service or the network does. Thread-safe.
void ask_instance_metadata(Machine& machine, const MetadataService& service = {});

enum class MetadataFact { kToken, kInstanceType, kLifeCycle, kZone };

// An answer's body as that fact, trimmed; nullopt for what does not look like
// one: of what comes from outside, nothing else gets into a document or a header.
std::optional<std::string> checked_metadata(MetadataFact fact, std::string_view body);

}  // namespace mb
